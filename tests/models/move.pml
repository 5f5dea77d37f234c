/* One message and three mailboxes at two nodes: moves, flags and expunges while they are linked, a cut at any
 * moment, more of all of them while they are apart, and merging. src/mirror/merge_moved.c and alone.c are the
 * code; docs/mirror.md says what must hold:
 *
 *   one     a message is at one place at most
 *   kept    it is somewhere, unless somebody tried to expunge it
 *   gone    once an expunge was answered it is nowhere, wherever the other side moved it to
 *   where   it is where it was moved to; of two places, where the side moved it that took it away from
 *           where it was later
 *   flags   what a side changed holds, also of a message that the other side moved meanwhile
 *
 * UIDs are left out (merge.pml has them), and leases: while linked one operation is under way at a time. A move
 * makes another object, which knows the first one.
 *
 * BROKEN shows that the model sees what it should: 1 takes what was moved for something new, 2 leaves changes
 * behind at the old place, 3 knows an expunge by the object only, 4 has the first node's move hold, 5 notes
 * nothing of what an object was.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define OPERATIONS 4 /* of both nodes together */
#define OBJECTS 6    /* that may ever be, and number 0 */
#define MAILBOXES 3
#define SKIP 2
#define OTHER (1 - me)
#define bit(id) (1 << (id))
#define of(node, id) ((node) * OBJECTS + (id))

byte at[12];     /* the mailbox that a node has an object in; 0: none */
byte flags[12], change[12];
byte last[2] = { 1, 1 }; /* change numbers of the account */
byte gone[2];    /* tombstones, by object */
byte origin[OBJECTS];
byte made = 1;
/* Notes of what is alone: the account's change number when they parted, objects as they were. */
bool alone[2];
byte parted[2], noted[2], was_flags[12], was_change[12], was_time[12];

byte clock, operations, ended;
bool linked = true, busy, merged;
/* What must hold. */
byte base = 1, base_flags; /* the last that both had */
bool tried, expunged;
byte taken[2]; /* when a node, alone, took the message away from where it was; 0: it did not */

mtype = { FLAG, EXPUNGE, MOVE }

/* Which object a node has; 0: none. */
inline living(node, result) {
	result = 0;
	v = 1;
	do
	:: v < OBJECTS ->
		if
		:: at[of(node, v)] -> result = v
		:: else
		fi;
		v++
	:: else -> break
	od;
	v = 0
}

inline apply(node) {
	d_step {
		if
		:: what == FLAG ->
			if
			:: at[of(node, id)] -> flags[of(node, id)] = flags[of(node, id)] ^ flag; change[of(node, id)] = number
			:: else
			fi
		:: what == EXPUNGE -> at[of(node, id)] = 0; gone[node] = gone[node] | bit(id)
		:: what == MOVE ->
			at[of(node, new)] = to;
			flags[of(node, new)] = flags[of(node, id)];
			change[of(node, new)] = number;
			at[of(node, id)] = 0;
			gone[node] = gone[node] | bit(id)
		fi;
		last[node] = (last[node] > number -> last[node] : number)
	}
}

/* A node that is alone: what the object was when they parted, and when it was last changed since. */
inline note() {
	if
	:: !alone[me] -> alone[me] = true; parted[me] = last[me]; last[me] = last[me] + SKIP
	:: else
	fi;
	if
	:: BROKEN == 5 -> skip
	:: noted[me] & bit(id) -> was_time[of(me, id)] = clock
	:: !(noted[me] & bit(id)) && BROKEN != 5 && change[of(me, id)] <= parted[me] ->
		noted[me] = noted[me] | bit(id);
		was_flags[of(me, id)] = flags[of(me, id)];
		was_change[of(me, id)] = change[of(me, id)];
		was_time[of(me, id)] = clock
	:: else
	fi;
	if
	:: what == MOVE && taken[me] == 0 -> taken[me] = clock
	:: else
	fi
}

proctype node(byte me) {
	byte id, new, to, flag, number, v;
	bool together, both;
	mtype what;
	do
	:: atomic { operations < OPERATIONS && !busy && !merged ->
			operations++;
			together = linked;
			busy = linked;
			living(me, id);
			if
			:: id == 0 -> busy = busy && !together
			:: else ->
				clock++;
				if
				:: what = FLAG; flag = 1
				:: what = FLAG; flag = 2
				:: what = EXPUNGE; tried = true
				:: what = MOVE;
					made++;
					new = made;
					origin[new] = (origin[id] -> origin[id] : id);
					to = at[of(me, id)] % MAILBOXES + 1;
					if
					:: skip
					:: to = to % MAILBOXES + 1
					fi
				fi;
				if
				:: !together -> note()
				:: else
				fi;
				number = last[me] + 1
			fi
		};
		if
		:: id == 0 -> skip
		:: else ->
			/* To this disk and, while linked, to the other one, in either order; the cut may come in between. */
			if
			:: apply(me);
				if
				:: atomic { together && linked -> apply(OTHER); both = true }
				:: !linked || !together
				fi
			:: together && linked -> apply(OTHER); apply(me); both = true
			fi;
			atomic {
				expunged = expunged || what == EXPUNGE;
				if
				:: both -> living(me, base); base_flags = flags[of(me, base)]
				:: else
				fi;
				busy = busy && !together;
				id = 0; new = 0; to = 0; flag = 0; number = 0; both = false
			}
		fi
	:: operations == OPERATIONS || merged -> break
	od;
	ended++
}

#define identity(id) (origin[id] -> origin[id] : id)

/* What a side noted under an identity; 0: nothing. */
inline find_noted(side, of_what, result) {
	result = 0;
	v = 1;
	do
	:: v < OBJECTS ->
		if
		:: (noted[side] & bit(v)) && identity(v) == of_what -> result = v
		:: else
		fi;
		v++
	:: else -> break
	od
}

/* The object came to that side after the two had parted. */
inline is_new(side, id, its, result) {
	result = change[of(side, id)] > (alone[side] -> parted[side] : last[side]) && its != id
}

inline last_change(side, id, its, result) {
	result = (its == id -> was_change[of(side, id)] : change[of(side, id)])
}

/* Both have one, and not the same object: whether that of `side` stays. */
inline holds(side, id, there) {
	is_new(side, id, here_note, here_new);
	is_new(1 - side, there, there_note, there_new);
	last_change(side, id, here_note, here_change);
	last_change(1 - side, there, there_note, there_change);
	if
	:: BROKEN == 4 && origin[id] && origin[there] -> stays = side == 0
	:: (BROKEN != 4 || !origin[there]) && (origin[there] == 0 || (gone[side] & bit(there)) || here_note == there) -> stays = true
	:: else ->
		if
		:: here_new != there_new -> stays = here_new
		:: here_new == there_new && ((gone[1 - side] & bit(id)) || there_note == id) -> stays = false
		:: else ->
			if
			:: !here_new && here_change != there_change -> stays = here_change > there_change
			:: else ->
				time = (here_note -> was_time[of(side, here_note)] : 0);
				other_time = (there_note -> was_time[of(1 - side, there_note)] : 0);
				stays = (time != other_time -> time > other_time : id < there)
			fi
		fi
	fi
}

/* Flag by flag, by what it was; when nobody knows, that of the later change. A side that noted nothing, and
 * has something older than the other one noted, has not heard of the last change before they parted. */
inline merge_flags(side, id, there, its, others) {
	mine = flags[of(side, id)];
	yours = flags[of(1 - side, there)];
	if
	:: !known && id == there ->
		result_flags = (change[of(side, id)] > change[of(1 - side, there)] -> mine : yours)
	:: !known && id != there -> result_flags = mine
	:: known && !others && change[of(1 - side, there)] < then_change -> result_flags = mine
	:: known && id == there && !its && change[of(side, id)] < then_change -> result_flags = yours
	:: else -> result_flags = then ^ ((mine ^ then) | (yours ^ then))
	fi
}

/* The older of what the two noted. */
inline find_was(here, there) {
	known = here || there;
	then = 0;
	then_change = 0;
	if
	:: here && (!there || was_change[of(0, here)] <= was_change[of(1, there)]) ->
		then = was_flags[of(0, here)];
		then_change = was_change[of(0, here)]
	:: there && (!here || was_change[of(1, there)] < was_change[of(0, here)]) ->
		then = was_flags[of(1, there)];
		then_change = was_change[of(1, there)]
	:: else
	fi
}

inline keep(id, place, with) {
	result_at = place;
	result_object = id;
	result_flags = with;
	places++
}

/* An object that only one side has. */
inline take_only(side, id, there) {
	if
	:: gone[1 - side] & bit(id) -> skip
	:: !(gone[1 - side] & bit(id)) && (origin[id] == 0 || BROKEN == 1) -> keep(id, at[of(side, id)], flags[of(side, id)])
	:: else ->
		who = identity(id);
		find_noted(side, who, here_note);
		find_noted(1 - side, who, there_note);
		if
		:: there == 0 ->
			/* It was moved here; was what it was made of expunged there? */
			if
			:: BROKEN != 3 && ((here_note && (gone[1 - side] & bit(here_note))) || (there_note && (gone[1 - side] & bit(there_note)))) -> skip
			:: else -> keep(id, at[of(side, id)], flags[of(side, id)])
			fi
		:: else ->
			holds(side, id, there);
			if
			:: !stays -> skip
			:: stays && BROKEN == 2 -> keep(id, at[of(side, id)], flags[of(side, id)])
			:: else ->
				if
				:: side == 0 -> find_was(here_note, there_note)
				:: else -> find_was(there_note, here_note)
				fi;
				merge_flags(side, id, there, here_note, there_note);
				keep(id, at[of(side, id)], result_flags)
			fi
		fi
	fi
}

proctype link() {
	byte v, first, second, here_note, there_note, here_change, there_change, time, other_time;
	byte who, mine, yours, then, then_change, result_at, result_object, result_flags, places, should;
	bool known, here_new, there_new, stays;
	if
	:: linked = false
	:: ended == 2
	fi;
	ended == 2;
	/* Behind a gate: nobody writes. */
	d_step {
		living(0, first);
		living(1, second);
		if
		:: first && first == second ->
			here_note = (noted[0] & bit(first) -> first : 0);
			there_note = (noted[1] & bit(first) -> first : 0);
			find_was(here_note, there_note);
			merge_flags(0, first, second, here_note, there_note);
			keep(first, at[of(0, first)], result_flags)
		:: else ->
			if
			:: first -> take_only(0, first, second)
			:: else
			fi;
			if
			:: second -> take_only(1, second, first)
			:: else
			fi
		fi;
		merged = true;
		linked = true;
		assert(places <= 1); /* one */
		assert(places == 1 || tried); /* kept */
		assert(places == 0 || !expunged); /* gone */
		if
		:: places == 1 && first && second ->
			/* flags */
			mine = base_flags ^ flags[of(0, first)];
			yours = base_flags ^ flags[of(1, second)];
			assert(result_flags == (base_flags ^ (mine | yours)));
			/* where */
			if
			:: first == second -> should = first
			:: taken[0] > taken[1] -> should = first
			:: taken[1] > taken[0] -> should = second
			:: else -> should = (first == base -> second : first)
			fi;
			assert(result_object == should && result_at)
		:: else
		fi
	}
}

init {
	atomic {
		at[of(0, 1)] = 1;
		at[of(1, 1)] = 1;
		change[of(0, 1)] = 1;
		change[of(1, 1)] = 1;
		run node(0);
		run node(1);
		run link()
	}
}
