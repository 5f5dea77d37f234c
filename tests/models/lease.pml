/* Leases and commits of one account at two nodes, with one cut of the link and one meeting again.
 * src/mirror/lease.c and driver.c are the code; docs/mirror.md says what must hold:
 *
 *   one     while both nodes know of each other, one writer holds the lease
 *   latest  who gets the lease sees all that was committed before
 *   both    a write that was answered while linked is on both disks
 *   moves   whoever wants to write gets to write (no bad end state)
 *
 * BROKEN shows that the model sees what it should: 1 gives a lease that a writer holds, 2 answers
 * before both disks have the write, 3 forgets who asked.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define WRITES 2 /* of each node */
#define OTHER (1 - me)

mtype = { WANT, GIVE, COMMIT, DONE };

/* To each node, in order; what is on its way when the link is cut is lost. */
chan wire[2] = [6] of { mtype, byte };
bool up = true; /* the link itself */
bool linked[2] = { true, true }; /* what a node thinks of it */
bool here[2] = { true, false };
bool asked[2], wanted[2], held[2], told[2];
byte disk[2];   /* the account's last change */
byte given[2];  /* writes done */
byte cuts;
byte latest;    /* the last change that was answered while linked */

#define send(kind, value) \
	if \
	:: up -> wire[OTHER]!kind(value) \
	:: else \
	fi

inline receive() {
	atomic {
		wire[me]?kind, value;
		if
		:: !linked[me] /* left over from before the cut */
		:: linked[me] && kind == WANT ->
			assert(here[me] && !wanted[me]);
			wanted[me] = true
		:: linked[me] && kind == GIVE ->
			assert(!here[me] && asked[me]);
			here[me] = true;
			asked[me] = false
		:: linked[me] && kind == COMMIT ->
			disk[me] = value;
			send(DONE, 0)
		:: linked[me] && kind == DONE -> told[me] = true
		fi
	}
}

inline write_begins() {
	atomic {
		!held[me] && given[me] < WRITES && (here[me] || !linked[me]) ->
		held[me] = true;
		told[me] = false;
		assert(!(linked[0] && linked[1] && up && held[0] && held[1])); /* one */
		assert(!(linked[0] && linked[1] && up) || disk[me] >= latest); /* latest */
		shipping[me] = linked[me];
		next = (disk[0] > disk[1] -> disk[0] : disk[1]) + 1;
		writing[me] = true
	}
}

/* Both disks at once: the order in which they have it is open. */
inline write_ships() {
	atomic {
		writing[me] && shipping[me] -> shipping[me] = false;
		if
		:: linked[me] -> send(COMMIT, next)
		:: else
		fi
	}
}

inline write_here() {
	atomic {
		writing[me] && disk[me] != next -> disk[me] = next
	}
}

inline write_ends() {
	atomic {
		writing[me] && disk[me] == next && !shipping[me] && (told[me] || !linked[me] || BROKEN == 2) ->
		if
		:: (told[me] || BROKEN == 2) && linked[0] && linked[1] && up ->
			assert(disk[OTHER] == next); /* both */
			latest = next
		:: else
		fi;
		writing[me] = false;
		held[me] = false;
		given[me]++
	}
}

bool writing[2], shipping[2];

proctype node(byte me) {
	mtype kind;
	byte value, next;
	do
	:: receive()
	:: write_begins()
	:: write_ships()
	:: write_here()
	:: write_ends()
	:: atomic { /* asks, when it has something to write */
		linked[me] && !here[me] && !asked[me] && !held[me] && given[me] < WRITES ->
		asked[me] = true;
		send(WANT, 0)
	}
	:: atomic { /* gives, when its writer is done */
		linked[me] && here[me] && wanted[me] && (!held[me] || BROKEN == 1) ->
		here[me] = false;
		wanted[me] = false;
		if
		:: BROKEN != 3 -> send(GIVE, 0)
		:: else
		fi
	}
	:: atomic { /* notices that the link is down, some time */
		linked[me] && !up ->
		linked[me] = false;
		asked[me] = false;
		wanted[me] = false
	}
	:: given[0] == WRITES && given[1] == WRITES && !held[me] -> break
	od
}

/* Meets again behind shut gates: nobody writes, both hold the same afterwards. */
proctype link() {
	if
	:: atomic { up -> up = false }
	:: given[0] == WRITES && given[1] == WRITES -> goto over
	fi;
	if
	:: atomic {
		!linked[0] && !linked[1] && !held[0] && !held[1] ->
		do
		:: wire[0]?_, _
		:: wire[1]?_, _
		:: empty(wire[0]) && empty(wire[1]) -> break
		od;
		if
		:: disk[0] > disk[1] -> disk[1] = disk[0]
		:: else -> disk[0] = disk[1]
		fi;
		here[0] = true;
		here[1] = false;
		latest = disk[0];
		linked[0] = true;
		linked[1] = true;
		up = true
	}
	:: given[0] == WRITES && given[1] == WRITES
	fi;
over:	skip
}

init {
	atomic {
		run node(0);
		run node(1);
		run link()
	}
}
