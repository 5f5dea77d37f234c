/* One mailbox at two nodes: deliveries and expunges while they are linked, a cut at any moment, more of
 * both while they are apart, and merging. src/mirror/merge_objects.c and src/store/skip.c are the code;
 * docs/mirror.md says what must hold:
 *
 *   names   a UID that any client saw never names another message, at either node
 *   up      a message never appears below a UIDNEXT that a client of that node saw
 *   kept    what was delivered and answered is there at the end, unless it was expunged
 *   gone    what was expunged and answered is not
 *   equal   both nodes hold the same at the end
 *
 * Leases are left out (lease.pml has them): while linked one operation is under way at a time. A message is
 * a bit; a client sees whatever a disk has.
 *
 * BROKEN shows that the model sees what it should: 1 skips no UIDs, 2 merges without tombstones, 3 lets a
 * message keep a UID below the other side's UIDNEXT, 4 has both nodes give out all UIDs while they are apart.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define OPERATIONS 3 /* of both nodes together, beside the first message */
#define SKIP (BROKEN == 1 -> 0 : 2)
#define UIDS 14
#define OTHER (1 - me)
#define bit(id) (1 << (id))

byte at[28];      /* which message a node has under a UID: at[node * UIDS + uid]; 0: none */
byte next[2] = { 2, 2 };
byte gone[2];     /* tombstones, by message */
byte promised, expunged; /* answered */
byte names[UIDS]; /* what a client saw under a UID */
byte announced[2] = { 2, 2 };
byte delivered = 1; /* messages made; the first one was there before */
byte operations, ended; /* begun; nodes that are through */
bool linked = true, skipped[2], busy, merged;

#define place(node, uid) at[(node) * UIDS + (uid)]

/* A client looks at all that a node has. */
inline look(node) {
	d_step {
		u = 1;
		do
		:: u < UIDS ->
			if
			:: place(node, u) ->
				assert(names[u] == 0 || names[u] == place(node, u)); /* names */
				names[u] = place(node, u)
			:: else
			fi;
			u++
		:: else -> break
		od;
		assert(next[node] >= announced[node]); /* up */
		announced[node] = next[node];
		u = 0
	}
}

inline put(node, uid, id) {
	d_step {
		assert(uid >= announced[node]); /* up */
		place(node, uid) = id;
		next[node] = (next[node] > uid + 1 -> next[node] : uid + 1)
	}
	look(node)
}

inline remove(node, id) {
	d_step {
		u = 1;
		do
		:: u < UIDS ->
			if
			:: place(node, u) == id -> place(node, u) = 0
			:: else
			fi;
			u++
		:: else -> break
		od;
		gone[node] = gone[node] | bit(id);
		u = 0
	}
	look(node)
}

/* Before the first write of a node that is alone. */
inline take_over() {
	if
	:: !linked && !skipped[me] -> skipped[me] = true; next[me] = next[me] + SKIP; look(me)
	:: else
	fi
}

/* Apart, one node gives out even UIDs, the other one odd ones. */
inline give() {
	if
	:: !linked && BROKEN != 4 && uid % 2 != me -> uid++
	:: else
	fi
}

/* To this disk and, while linked, to the other one, in either order; the cut may come in between. */
inline deliver() {
	atomic { delivered++; id = delivered; take_over(); uid = next[me]; give() };
	if
	:: put(me, uid, id);
		if
		:: together && linked -> put(OTHER, uid, id)
		:: !linked || !together
		fi
	:: together && linked -> put(OTHER, uid, id); put(me, uid, id)
	fi;
	atomic { promised = promised | bit(id); busy = busy && !together }
}

inline expunge() {
	atomic {
		id = 1;
		do
		:: id < delivered -> id++
		:: break
		od;
		take_over()
	};
	if
	:: gone[me] & bit(id) -> skip
	:: else ->
		found = false;
		d_step {
			u = 1;
			do
			:: u < UIDS -> found = found || place(me, u) == id; u++
			:: else -> break
			od;
			u = 0
		}
		if
		:: found ->
			remove(me, id);
			if
			:: together && linked -> remove(OTHER, id)
			:: !linked || !together
			fi;
			expunged = expunged | bit(id)
		:: else
		fi
	fi;
	atomic { busy = busy && !together }
}

proctype node(byte me) {
	byte id, uid, u;
	bool together, found;
	do
	:: atomic { operations < OPERATIONS && !busy && !merged ->
			operations++;
			together = linked;
			busy = linked
		};
		if
		:: deliver()
		:: expunge()
		fi
	:: operations == OPERATIONS || merged -> break
	od;
	ended++
}

/* Where a message of `node` goes that the other side has not. */
inline merge_new(side, uid) {
	d_step {
		if
		:: uid >= next[1 - side] || BROKEN == 3 -> target = uid
		:: else -> target = fresh; fresh++
		fi;
		into[target] = place(side, uid)
	}
}

inline has(side, message, result) {
	v = 1;
	result = 0;
	do
	:: v < UIDS ->
		if
		:: place(side, v) == message -> result = v
		:: else
		fi;
		v++
	:: else -> break
	od
}

proctype link() {
	byte into[UIDS], u, v, n, other, target, fresh, id; /* v is has()'s own */
	if
	:: linked = false
	:: ended == 2
	fi;
	ended == 2;
	/* Behind a gate: nobody writes. */
	atomic {
		fresh = (next[0] > next[1] -> next[0] : next[1]);
		n = 0;
		do
		:: n < 2 ->
			u = 1;
			do
			:: u < UIDS ->
				id = place(n, u);
				if
				:: id == 0 -> skip
				:: else ->
					has(1 - n, id, other);
					if
					:: other && n == 0 -> /* at both: the larger number */
						target = (other > u -> other : u);
						into[target] = id
					:: other && n == 1 -> skip
					:: !other && (gone[1 - n] & bit(id)) && BROKEN != 2 -> skip
					:: else -> merge_new(n, u)
					fi
				fi;
				u++
			:: else -> break
			od;
			n++
		:: else -> break
		od;
		n = 0;
		do
		:: n < 2 ->
			u = 1;
			do
			:: u < UIDS ->
				assert(into[u] == 0 || into[u] == place(n, u) || u >= announced[n]); /* up */
				place(n, u) = into[u];
				u++
			:: else -> break
			od;
			next[n] = fresh;
			n++
		:: else -> break
		od;
		u = gone[0] | gone[1];
		gone[0] = u;
		gone[1] = u;
		merged = true;
		linked = true
	};
	look(0);
	look(1);
	d_step {
		id = 1;
		do
		:: id <= delivered ->
			has(0, id, other);
			has(1, id, n);
			assert(other == n); /* equal */
			assert(!(promised & bit(id)) || other || ((gone[0]) & bit(id))); /* kept */
			assert(!(expunged & bit(id)) || !other); /* gone */
			id++
		:: else -> break
		od
	}
}

init {
	atomic {
		at[0 * UIDS + 1] = 1;
		at[1 * UIDS + 1] = 1;
		names[1] = 1;
		promised = bit(1);
		run node(0);
		run node(1);
		run link()
	}
}
