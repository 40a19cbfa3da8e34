// SPDX-License-Identifier: Apache-2.0

/**
 * A concurrent range map: every unsigned 64-bit index has one value or none, readers take no lock, and the value of a
 * whole range is stored once.
 *
 * <pre>{@code
 * MapleTree<String> tree = new MapleTree<>();
 * tree.store(0x1000, 0x4fff, "heap");
 * tree.store(0x2000, 0x2fff, "guard");       // cuts the heap in two
 * tree.get(0x4000);                          // "heap"
 *
 * GapSearch where = new GapSearch().size(0x1000).aligned(0x1000, 0);
 * tree.storeLowest(where, "new");            // finds and stores in one step; where.first() tells the place
 *
 * tree.update(t -> {                         // readers see both stores or neither
 *     t.erase(0x1000, 0x4fff);
 *     t.store(0x8000, 0x8fff, "moved");
 * });
 * }</pre>
 *
 * <p>Single edits are methods of the tree, and {@link dev.samara.maple.MapleTree#update update} is for several that
 * readers see together. {@link dev.samara.maple.MapleTree#begin begin} is for code that cannot be a lambda, and holds
 * the writer lock itself.
 *
 * <p>For hot code: {@link dev.samara.maple.Reader} is fast near its previous lookup, {@link
 * dev.samara.maple.MapleTree#getAll} looks up many indexes at a time, {@link dev.samara.maple.Writer} makes many edits
 * under one holding of the lock, and {@link dev.samara.maple.TreeBuilder} builds a tree from sorted entries.
 *
 * <h2>Terms</h2>
 *
 * <dl>
 *   <dt>Index
 *   <dd>An unsigned 64-bit number in a {@code long}. Ranges of indexes are inclusive on both sides, so {@code [0, -1L]}
 *       is the whole index space.
 *   <dt>Entry
 *   <dd>A range that was stored, or the part of it that later stores have left, with its value. A value is any object;
 *       none is special. Adjacent entries stay separate, even with equal values, unless one is stored by {@code
 *       storeCoalescing}.
 *   <dt>Reservation
 *   <dd>A range that has no value, but is not free. It has an owner, an object compared by identity.
 *   <dt>Free range
 *   <dd>Consecutive indexes without a value or a reservation.
 *   <dt>Lookup view
 *   <dd>The view of {@link dev.samara.maple.RangeView}. A reservation is absent.
 *   <dt>Allocation view
 *   <dd>The view of {@code insert}, {@code reserve}, {@code isFree}, {@code reservationAt}, {@code reservationIn} and
 *       gap searches. A reservation is occupied, exactly like an entry. There is no third view.
 *   <dt>Edit
 *   <dd>A store, insert, erase or reservation made by one call on the tree.
 * </dl>
 *
 * <h2>Threads</h2>
 *
 * <p>Any thread may read, and any thread may edit. Edits and transactions of one tree follow one another under its
 * {@linkplain dev.samara.maple.MapleTree#writerLock() writer lock}. Each edit takes the lock, which its thread may
 * already hold. A {@link dev.samara.maple.Transaction} belongs to the thread that began it. A
 * {@link dev.samara.maple.Cursor}, a {@link dev.samara.maple.Reader} and a {@link dev.samara.maple.GapSearch} are for
 * one thread at a time, a {@link dev.samara.maple.Writer} is for the thread that made it. A {@link
 * dev.samara.maple.Snapshot} is for all.
 *
 * <ul>
 *   <li><b>Never wait:</b> {@code get}, {@code getAll}, {@code entryAt}, {@code isFree}, {@code reservationAt}, {@code
 *       isStill}, {@code isStillVersion}, readers, cursors over trees, everything on a snapshot.
 *   <li><b>Wait for the writer lock, unless all edits since the last snapshot were transactions or named an owner:</b>
 *       {@code snapshot}, {@code version}, {@code count}, {@code entries}, {@code gaps}, {@code forEach}, {@code
 *       forEachDescending}, {@code reservationIn} and {@code validate};
 *       {@code atOrAfter}, {@code atOrBefore}, {@code firstEntry}, {@code lastEntry} and {@code isEmpty} if they meet
 *       many reservations in a row.
 *   <li><b>Take the writer lock:</b> the tree's {@code store}, {@code insert}, {@code erase}, {@code eraseEntry},
 *       {@code clear}, {@code storeCoalescing}, {@code storeAll}, {@code compute}, {@code merge}, {@code storeLowest},
 *       {@code storeHighest}, {@code reserve}, {@code reserveLowest}, {@code reserveHighest}, {@code update} and {@code
 *       writer}.
 *   <li><b>Need the writer lock held:</b> {@code begin}, and everything on a transaction but {@code close}.
 * </ul>
 *
 * <p>The application code that runs under the lock is the body passed to {@code update}, the functions passed to
 * {@code compute} and {@code merge}, and {@code equals} of values in {@code storeCoalescing}. Other methods of the tree
 * call no method of values and owners (exception messages call {@code toString}, without the lock).
 *
 * <h2>Progress</h2>
 *
 * <p>{@code get}, {@code isFree}, {@code reservationAt} and {@code Reader.get} are wait-free: they take steps in
 * proportion to the height of the tree. A search or step of a cursor is wait-free too, and takes more steps only where
 * it passes reservations. {@code atOrAfter} and {@code atOrBefore} are lock-free, except where reservations fill the
 * next leaf: at the edge of a leaf, they start over if that leaf is edited before they are done. Edits block each
 * other. An edit takes steps in proportion to the height and to the number of reservations in its range; the number of
 * entries in its range does not count, except for {@code compute}, {@code merge} and {@code storeAll}. A part of a
 * {@link dev.samara.maple.Snapshot}, and two snapshots joined, take steps in proportion to the height; so a tree can be
 * divided into trees with a lock each, and joined again. A reader of several such trees compares the {@linkplain
 * dev.samara.maple.MapleTree#version version} of each before and after: if none has changed, all that it has read is of
 * one instant. Lookups and cursors never delay an edit, because replaced nodes are left to the garbage collector.
 *
 * <h2>Memory consistency</h2>
 *
 * <p>Actions in a thread before it edits the tree <i>happen-before</i> actions in another thread after it has read the
 * result of that edit, or of a later one. Any method of the lookup or allocation view is such a read. For a
 * transaction, the edit is its commit. So a thread may initialize an object and store it, and a thread that finds it
 * sees it initialized. Reading a snapshot is like reading the tree at the instant of the snapshot. There is no such
 * edge from readers to writers.
 *
 * <h2>Guarantees</h2>
 *
 * <dl>
 *   <dt>A. Lookups
 *   <dd>A.1 {@code get} returns what its index had at some instant of the call. A.2 Two reads by one thread, or ordered
 *       by happens-before, never go back in time. A.3 {@code get} does not wait, store to shared memory, or allocate.
 *       A.4 No method of the lookup view reports a reservation or hands out an object that stands for one.
 *   <dt>B. Walks
 *   <dd>B.1 A snapshot, {@code entries}, {@code gaps}, {@code count} and {@code forEach} are exactly the tree of one
 *       instant; {@code entryAt}, {@code firstEntry} and {@code lastEntry} have the bounds of one. B.2 A cursor reports
 *       entries with the bounds they had at some instant of the call, and B.3 each entry ends above the one before it
 *       (moving back: starts below it). Two entries reported one after the other overlap only if a store changed bounds
 *       in between. B.4 A cursor misses no index that has a value all the time. B.5 Moved off an end, it stays there,
 *       and comes back to the entry at that end.
 *   <dt>C. Edits
 *   <dd>C.1 A store or erase changes the indexes of its range, and nothing else. C.2 An insert or reservation takes
 *       effect if and only if its whole range is free. C.3 A gap search finds the lowest, or highest, position, unless
 *       there is none. C.4 A call that throws has changed nothing. C.5 Adjacent free ranges are merged. C.6 {@code
 *       compute}, {@code merge} and {@code storeAll} take effect at one instant.
 *   <dt>D. Reservations
 *   <dd>D.1 Absent in every lookup view, D.2 occupied in the allocation view. D.3 Only the owner can store over a
 *       reservation or erase it, or a part of it; an attempt without that owner is refused with a
 *       {@link dev.samara.maple.ReservedException} that names owner and range.
 *   <dt>E. Transactions
 *   <dd>E.1 Readers see all of a committed transaction or nothing, in every method. E.2 A transaction sees its own
 *       changes. E.3 If it was aborted, left by an exception, or left open, it has changed nothing. E.4 Use after its
 *       end, from another thread, or without the lock, and edits of the tree around it, are refused.
 *   <dt>F. Memory
 *   <dd>F.1 The tree does not keep erased or replaced values reachable; only snapshots, versions, cursors and readers
 *       that saw them do.
 * </dl>
 *
 * <p><b>Stability.</b> This package is stable: a version of 0.x changes it only where a defect cannot be repaired
 * otherwise.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>What do {@code get} and {@code isFree} run?</td>
 *       <td>{@code Lookup}, {@code AllocationView}; {@code atOrAfter} and {@code atOrBefore}: {@code Nearest}</td></tr>
 *   <tr><td>What finds entries with their bounds, and walks over a range of them?</td>
 *       <td>{@code EntryWalk}; as a stream: {@code EntrySpliterator}; step by step: {@code Cursor}</td></tr>
 *   <tr><td>What asks a function for the values of a range?</td>
 *       <td>{@code RangeEdits}</td></tr>
 *   <tr><td>What publishes an edit?</td>
 *       <td>{@code Edits}: a leaf in its place, or a boundary of it ({@code InPlace}), or a new root ({@code
 *       Draft})</td></tr>
 *   <tr><td>What checks the arguments of an edit, and refuses it?</td>
 *       <td>{@code Draft}</td></tr>
 *   <tr><td>What changes the structure: splits, merges and levels?</td>
 *       <td>{@code Splice}; level by level: {@code LevelRebuild}; along one path: {@code OwnedPath}; of one leaf:
 *       {@code LeafEdit}</td></tr>
 *   <tr><td>How are a node, a leaf and the ends of its slots stored?</td>
 *       <td>{@code Node}, {@code LeafNode}, {@code LeafPivots}</td></tr>
 *   <tr><td>What may change in a node that readers reach?</td>
 *       <td>One reference to a leaf, in a node that no snapshot has: {@code InPlace}; one boundary of a leaf that no
 *       snapshot has: {@code LeafBoundary}. A node that was replaced stays as it is, for the garbage collector
 *       </td></tr>
 *   <tr><td>What keeps a snapshot as it was?</td>
 *       <td>{@code Era}</td></tr>
 *   <tr><td>What finds a gap?</td>
 *       <td>{@link dev.samara.maple.GapSearch}</td></tr>
 *   <tr><td>What orders unsigned indexes?</td>
 *       <td>{@code Keys}</td></tr>
 *   <tr><td>What divides and joins trees?</td>
 *       <td>{@code TreeParts}; later, for a snapshot of several trees: {@code PartRoots}</td></tr>
 *   <tr><td>What checks a tree?</td>
 *       <td>{@code TreeCheck}</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.maple;

import org.jspecify.annotations.NullMarked;
