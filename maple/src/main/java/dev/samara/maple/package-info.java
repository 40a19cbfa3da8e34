// SPDX-License-Identifier: Apache-2.0

/**
 * A concurrent range map from unsigned 64-bit indexes to values. An index has at most one value, the value of a whole
 * range is stored once, and lookups take no lock.
 *
 * <pre>{@code
 * MapleTree<String> tree = new MapleTree<>();
 * tree.store(0x1000, 0x4fff, "heap");
 * tree.store(0x2000, 0x2fff, "guard");       // splits the heap entry
 * tree.get(0x4000);                          // "heap"
 *
 * GapSearch where = new GapSearch().size(0x1000).aligned(0x1000, 0);
 * tree.storeLowest(where, "new");            // finds and stores atomically; see where.first()
 *
 * tree.update(t -> {                         // readers see both edits or neither
 *     t.erase(0x1000, 0x4fff);
 *     t.store(0x8000, 0x8fff, "moved");
 * });
 * }</pre>
 *
 * <p>The tree's own methods make single edits. {@link dev.samara.maple.MapleTree#update update} makes several edits
 * atomically: readers see all of them or none. Code that does not fit into a lambda calls {@link
 * dev.samara.maple.MapleTree#begin begin} instead, and acquires and releases the writer lock itself.
 *
 * <p>For hot paths, {@link dev.samara.maple.Reader} speeds up lookups near the previous one, {@link
 * dev.samara.maple.MapleTree#getAll} looks up many indexes per call, {@link dev.samara.maple.Writer} makes many edits
 * per acquisition of the lock, and {@link dev.samara.maple.TreeBuilder} builds a tree from sorted entries.
 *
 * <h2>Terms</h2>
 *
 * <dl>
 *   <dt>Index
 *   <dd>An unsigned 64-bit number in a {@code long}. Ranges include both ends, so {@code [0, -1L]} is the whole index
 *       space.
 *   <dt>Entry
 *   <dd>A stored range with its value, or what later stores left of it. Any non-null object is a value. Adjacent
 *       entries stay separate even if their values are equal, unless {@code storeCoalescing} stores one of them.
 *   <dt>Reservation
 *   <dd>A range that contains no value, but is not free. Its owner is an object that is compared by identity.
 *   <dt>Free range
 *   <dd>A range of indexes without values or reservations.
 *   <dt>Lookup view
 *   <dd>The view of the methods of {@link dev.samara.maple.RangeView}. Reservations are invisible.
 *   <dt>Allocation view
 *   <dd>The view of {@code insert}, {@code reserve}, {@code isFree}, {@code reservationAt}, {@code reservationIn} and
 *       gap searches. A reservation occupies its range, exactly like an entry. There is no third view.
 *   <dt>Edit
 *   <dd>A store, insert, erase or reservation by one call on the tree.
 * </dl>
 *
 * <h2>Threads</h2>
 *
 * <p>Any thread may read, and any thread may edit. The {@linkplain dev.samara.maple.MapleTree#writerLock() writer lock}
 * serializes the edits and transactions of a tree. Each edit acquires it; the calling thread may already hold it. A
 * {@link dev.samara.maple.Transaction} is confined to the thread that began it, and a {@link dev.samara.maple.Writer}
 * to the thread that created it. A {@link dev.samara.maple.Cursor}, a {@link dev.samara.maple.Reader} and a {@link
 * dev.samara.maple.GapSearch} may be used by one thread at a time. A {@link dev.samara.maple.Snapshot} is thread-safe.
 *
 * <ul>
 *   <li><b>Never block:</b> {@code get}, {@code getAll}, {@code entryAt}, {@code isFree}, {@code reservationAt}, {@code
 *       isStill}, {@code isStillVersion}, readers, cursors over trees, and every method of a snapshot.
 *   <li><b>May wait for the writer lock</b> (not if every edit since the last snapshot was a transaction or named an
 *       owner)<b>:</b> {@code snapshot}, {@code version}, {@code count}, {@code entries}, {@code
 *       entriesDescending}, {@code gaps}, {@code forEach}, {@code forEachDescending}, {@code reservationIn} and {@code
 *       validate}; {@code atOrAfter}, {@code atOrBefore}, {@code firstEntry}, {@code lastEntry} and {@code isEmpty} if
 *       they encounter many consecutive reservations.
 *   <li><b>Acquire the writer lock:</b> the tree's {@code store}, {@code insert}, {@code erase}, {@code eraseEntry},
 *       {@code clear}, {@code storeCoalescing}, {@code storeAll}, {@code compute}, {@code merge}, {@code storeLowest},
 *       {@code storeHighest}, {@code reserve}, {@code reserveLowest}, {@code reserveHighest}, {@code update} and {@code
 *       writer}.
 *   <li><b>Require that the caller holds the writer lock:</b> {@code begin}, and every method of a transaction except
 *       {@code close}.
 * </ul>
 *
 * <p>Only this application code runs under the lock: the body passed to {@code update}, the functions passed to {@code
 * compute} and {@code merge}, and {@code equals} of values in {@code storeCoalescing}. Other methods of the tree call
 * no methods of values and owners. (Exception messages call {@code toString}, without the lock.)
 *
 * <h2>Progress</h2>
 *
 * <p>{@code get}, {@code isFree}, {@code reservationAt} and {@code Reader.get} are wait-free: their number of steps is
 * proportional to the height of the tree. Searches and steps of a cursor are also wait-free, but take extra steps to
 * skip reservations. {@code atOrAfter} and {@code atOrBefore} are lock-free, except where reservations fill the next
 * leaf: a search that crosses from one leaf to the next is retried if the first leaf is edited concurrently. Edits
 * block each other. An edit takes time proportional to the height and to the number of reservations in its range. The
 * number of entries in its range does not matter, except for {@code compute}, {@code merge} and {@code storeAll}.
 * Taking a part of a {@link dev.samara.maple.Snapshot} and joining two snapshots take time proportional to the height,
 * so a tree can be divided into trees that each have their own lock, and joined again. A reader of several such trees
 * compares the {@linkplain dev.samara.maple.MapleTree#version version} of each before and after its lookups: if no
 * version changed, everything it read was true at one instant. Lookups and cursors never delay an edit, because the
 * garbage collector reclaims replaced nodes.
 *
 * <h2>Memory consistency</h2>
 *
 * <p>Actions in a thread before it edits the tree <i>happen-before</i> actions in another thread after it reads the
 * result of that edit, or of a later one. Every method of the lookup view and of the allocation view is such a read;
 * for a transaction, the edit is its commit. Storing an object is thus a safe publication: a thread that finds the
 * object in the tree sees it fully initialized. Reading a snapshot counts as reading the tree at the instant of the
 * snapshot. Reads do not happen-before later edits.
 *
 * <h2>Guarantees</h2>
 *
 * <dl>
 *   <dt>A. Lookups
 *   <dd>A.1 {@code get} returns the value that its index had at some instant of the call. A.2 Of two reads by one
 *       thread, or two that happens-before orders, the later one never sees an older state. A.3 {@code get} does not
 *       block, write to shared memory, or allocate. A.4 No method of the lookup view reports a reservation, or returns
 *       an object that represents one.
 *   <dt>B. Walks
 *   <dd>B.1 A snapshot, {@code entries}, {@code gaps}, {@code count} and {@code forEach} (and the descending forms)
 *       return exactly the contents at one instant; {@code entryAt}, {@code firstEntry} and {@code lastEntry} return
 *       the bounds at one instant. B.2 A cursor reports each entry with the bounds that it had at some instant of the
 *       call. B.3 Each entry ends above the previous one; a walk backwards reports entries that start below it. Two
 *       successive entries overlap only if a store changed bounds in between. B.4 A cursor misses no index that has a
 *       value throughout the walk. B.5 A cursor that was moved past the last entry stays there until it is moved
 *       backwards, to the entry that is the last one by then; likewise before the first entry.
 *   <dt>C. Edits
 *   <dd>C.1 A store or erase changes the indexes in its range, and no others. C.2 An insert or reservation takes effect
 *       if and only if its whole range is free. C.3 A gap search finds the lowest, or highest, position if there is
 *       one. C.4 A call that throws changes nothing, and keeps no lock, even if the stack or the heap is exhausted.
 *       C.5 Adjacent free ranges are merged. C.6 {@code compute}, {@code merge} and {@code storeAll} take effect at one
 *       instant.
 *   <dt>D. Reservations
 *   <dd>D.1 A reservation is invisible in every lookup view, and D.2 occupies its range in the allocation view. D.3
 *       Only a call that names the owner can erase a reservation or store over it, entirely or in part; a store or
 *       erase by any other call throws a {@link dev.samara.maple.ReservedException} with the owner and the range.
 *   <dt>E. Transactions
 *   <dd>E.1 In every method, readers see all changes of a transaction or none. E.2 A transaction sees its own changes.
 *       E.3 A transaction that was aborted, ended by an exception, or left open changes nothing. E.4 A transaction
 *       throws if it is used after its end, by another thread, or without the lock; so does the tree if the
 *       transaction's thread edits it directly.
 *   <dt>F. Memory
 *   <dd>F.1 The tree does not keep erased or replaced values reachable. Only these do: snapshots and versions that
 *       contain them, cursors that are on an entry, readers, an open transaction, and a transaction that was left
 *       open, until the next edit.
 * </dl>
 *
 * <p><b>Stability.</b> This package is stable: a 0.x release changes it only if a defect cannot be fixed otherwise.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>How are a node, a leaf and the pivots of a leaf stored?</td>
 *       <td>{@code Node}; {@code LeafNode}</td></tr>
 *   <tr><td>Which code do lookups and walks over a range run, and what can they see concurrently with the writer?</td>
 *       <td>{@code Lookup}; step by step: {@code Cursor}; with a cached leaf: {@code Reader}</td></tr>
 *   <tr><td>What publishes an edit? What may change in a node that readers can reach?</td>
 *       <td>{@code MapleTree}: a new root ({@code publish}); in place, a leaf if no snapshot contains its parent
 *       ({@code put}), or one boundary of a leaf if no snapshot contains the leaf ({@code moves}). A replaced node
 *       never changes again</td></tr>
 *   <tr><td>What checks the arguments of an edit, and rejects it?</td>
 *       <td>{@code Draft}, and {@code Transaction} for {@code compute} and {@code storeCoalescing}</td></tr>
 *   <tr><td>What changes the structure: splits, merges, new levels?</td>
 *       <td>{@code Draft.rebuild}, for which {@code Node.Items} divides the items of a level among new nodes; along one
 *       path: {@code Draft.replaceChild}; in one leaf: {@code LeafNode.change}</td></tr>
 *   <tr><td>What merges a freed range with the free ranges next to it?</td>
 *       <td>{@code Draft.free}; in place {@code MapleTree.freeInPlace}</td></tr>
 *   <tr><td>What releases the writer lock if the stack overflows?</td>
 *       <td>{@code MapleTree.requireStack} ensures that the {@code finally} can</td></tr>
 *   <tr><td>What keeps a snapshot unchanged?</td>
 *       <td>{@code Node.Era}; a snapshot ends the open era in {@code MapleTree.frozenRoot}</td></tr>
 *   <tr><td>How does a reader find out that the tree was changed?</td>
 *       <td>{@code MapleTree.isStillVersion} and {@code isStill} compare the root, by a load that orders several trees:
 *       {@code PublishedRoot.rootVolatile}</td></tr>
 *   <tr><td>What keeps the largest gap of each subtree, and what finds a gap?</td>
 *       <td>{@code Node}, in its {@code gaps}; {@link dev.samara.maple.GapSearch}</td></tr>
 *   <tr><td>What divides and joins trees?</td>
 *       <td>{@code Draft.within} and {@code join}; lazily: {@code Snapshot.PartRoots}</td></tr>
 *   <tr><td>What checks a tree?</td>
 *       <td>{@code TreeCheck}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.maple;

import org.jspecify.annotations.NullMarked;
