// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checks that the garbage collector reclaims a value while everything that could keep it reachable is still in use.
 * Values are created in separate methods, because a local variable that is no longer used might also keep them
 * reachable.
 */
@DisplayName("F.1: erased, replaced and undone values become garbage")
@Explored(6)
class RetentionTest {
    /**
     * One collection is sufficient in practice, but no specification promises that a call to the collector collects all
     * garbage.
     */
    private static final int COLLECTIONS = 50;

    /** Trees of one leaf, of two levels and of more. */
    private static final List<Integer> SIZES = List.of(1, 20, 2000);

    private static final long TOP = -1L;
    private static final Object OWNER = "owner";

    private final List<WeakReference<Object>> values = new ArrayList<>();

    private Object value() {
        Object value = new Object();
        values.add(new WeakReference<>(value));
        return value;
    }

    /**
     * Returns a tree with entries of two indexes at the bottom, each followed by a free range, and one entry at the
     * top. All ends are odd.
     */
    private MapleTree<Object> filled(int size) {
        MapleTree<Object> tree = new MapleTree<>();
        for (int i = 0; i < size; i++) {
            tree.store(4L * i, 4L * i + 1, value());
        }
        tree.store(TOP - 1, TOP, value());
        return tree;
    }

    private long kept() {
        return values.stream().filter(value -> !value.refersTo(null)).count();
    }

    private void assertLetGo(Object... inUse) {
        assertTrue(values.size() > 0);
        try {
            for (int n = 0; kept() > 0; n++) {
                assertTrue(n < COLLECTIONS, () -> kept() + " of " + values.size() + " values are still there");
                System.gc();
            }
            values.clear();
        } finally {
            Reference.reachabilityFence(inUse);
        }
    }

    /**
     * Checks that some values are still reachable. Otherwise, {@link #assertLetGo} could not show which object released
     * the values.
     */
    private void assertKept(Object... inUse) {
        try {
            System.gc();
            assertTrue(kept() > 0, "nothing was kept");
        } finally {
            Reference.reachabilityFence(inUse);
        }
    }

    /** Returns all ways in which a tree can lose its entries. */
    static Stream<Named<Consumer<MapleTree<Object>>>> clearings() {
        return Stream.of(
                Named.of("erased at once", tree -> tree.erase(0, TOP)),
                Named.of("stored over at once", tree -> tree.store(0, TOP, "over")),
                Named.of("stored over one by one, in place", RetentionTest::storeOverEach),
                Named.of(
                        "stored over in a transaction",
                        tree -> tree.update(t -> {
                            t.store(0, 1, "over");
                            t.store(2, TOP, "over");
                        })),
                Named.of("in a tree that has an even end then", tree -> {
                    tree.erase(0, TOP);
                    tree.store(0, 0, "even");
                }),
                Named.of("in a tree that is higher then", tree -> {
                    tree.erase(0, TOP);
                    for (long i = 0; i < 20_000; i++) {
                        tree.store(4 * i, 4 * i + 1, "new");
                    }
                }));
    }

    private static void storeOverEach(MapleTree<Object> tree) {
        Cursor<Object> cursor = tree.cursor();
        while (cursor.next() != null) {
            tree.store(cursor.first(), cursor.last(), "over");
        }
    }

    @Test
    @DisplayName("by the tree, whichever way it loses them")
    void tree() {
        MapleTree<Object> tree = filled(2000);
        reserveAndErase(tree);
        tree.store(0, 2999, "over");
        tree.erase(2000, 5000);
        tree.erase(4000, TOP);
        assertEquals(List.of(new RangeEntry<>(0, 1999, "over")), tree.entries());
        assertLetGo(tree);
    }

    private void reserveAndErase(MapleTree<Object> tree) {
        Object owner = value();
        tree.reserve(1_000_000, 1_000_000, owner);
        tree.erase(1_000_000, 1_000_000, owner);
    }

    @Test
    @DisplayName("by the tree, if an edit that met the old entry was refused before")
    void refusedEdit() {
        TwoLeaves<Object> cells = new TwoLeaves<>(cell -> cell);
        cells.tree.reserve(TwoLeaves.first(TwoLeaves.UPPER), TwoLeaves.last(TwoLeaves.UPPER), OWNER);
        cells.store(7, value());
        assertThrows(ReservedException.class, () -> cells.store(7, TwoLeaves.UPPER, "refused"));
        assertThrows(
                ReservedException.class,
                () -> cells.tree.erase(TwoLeaves.first(7), TwoLeaves.last(TwoLeaves.UPPER), "another"));
        Node root = cells.tree.rootAcquire();
        cells.store(7, "over");
        assertEquals(root, cells.tree.rootAcquire(), "it was to be put in place");
        assertLetGo(cells);
    }

    @Test
    @DisplayName("by the tree, if the leaf of the entry was published by the root and is replaced in place")
    void editInPlaceAfterOneByTheRoot() {
        TwoLeaves<Object> cells = new TwoLeaves<>(cell -> cell);
        cells.tree.snapshot();
        cells.store(7, value());
        Node root = cells.tree.rootAcquire();
        cells.store(7, "over");
        assertEquals(root, cells.tree.rootAcquire(), "it was to be put in place");
        assertLetGo(cells);
    }

    /** Makes enough edits to split nodes and to merge some. */
    private void edit(Transaction<Object> transaction) {
        for (int i = 0; i < 600; i++) {
            transaction.store(6L * i, 6L * i + 3, value());
        }
        transaction.replaceByReservation(300, 400, OWNER);
        transaction.erase(1000, 2000);
    }

    private static MapleTree<Object> plain(ReentrantLock lock) {
        MapleTree<Object> tree = new MapleTree<>(lock);
        for (int i = 0; i < 500; i++) {
            tree.store(8L * i, 8L * i + 3, "stays");
        }
        return tree;
    }

    private static MapleTree<Object> plain() {
        return plain(new MapleTree.WriterLock());
    }

    @Test
    @DisplayName("E.3 a transaction that was aborted, closed or thrown out of")
    void undone() {
        MapleTree<Object> tree = plain();
        tree.update(t -> {
            edit(t);
            t.abort();
        });
        assertLetGo(tree);
        assertThrows(
                ArithmeticException.class,
                () -> tree.update(t -> {
                    edit(t);
                    throw new ArithmeticException();
                }));
        assertLetGo(tree);
        tree.writerLock().lock();
        try {
            Transaction<Object> closed = tree.begin();
            edit(closed);
            closed.close();
            assertLetGo(tree, closed);
        } finally {
            tree.writerLock().unlock();
        }
    }

    /** Returns the possible next calls on a tree whose transaction was abandoned. */
    static Stream<Named<Consumer<MapleTree<Object>>>> nextEdits() {
        return Stream.of(
                Named.of("a store", tree -> tree.store(0, 3, "next")),
                Named.of("a store that changes nothing", tree -> tree.store(0, 3, "stays")),
                Named.of(
                        "a refused argument",
                        tree -> assertThrows(IllegalArgumentException.class, () -> tree.store(1, 0, "refused"))),
                Named.of("an insert that finds no room", tree -> tree.insert(0, 3, "refused")),
                Named.of("an empty transaction", tree -> tree.update(t -> {})),
                Named.of("a writer", tree -> tree.writer().close()));
    }

    @ParameterizedTest
    @MethodSource("nextEdits")
    @DisplayName("E.3 a transaction that was left open, by the next edit")
    void leftOpen(Consumer<MapleTree<Object>> next) {
        for (ReentrantLock lock : List.of(new MapleTree.WriterLock(), new ReentrantLock())) {
            MapleTree<Object> tree = plain(lock);
            Transaction<Object> left = leftOpen(tree);
            assertKept(tree, left);
            Thread other = new Thread(() -> next.accept(tree));
            other.start();
            join(other);
            assertLetGo(tree, left);
        }
    }

    private Transaction<Object> leftOpen(MapleTree<Object> tree) {
        tree.writerLock().lock();
        try {
            Transaction<Object> transaction = tree.begin();
            edit(transaction);
            return transaction;
        } finally {
            tree.writerLock().unlock();
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    @DisplayName("by a builder, by an ended transaction, and by a search")
    void ended() {
        MapleTree<Object> tree = plain();
        Writer<Object> writer = tree.writer();
        writer.store(10_000, 10_003, value());
        GapSearch where = new GapSearch().size(4);
        writer.storeLowest(where, value());
        writer.close();
        Transaction<Object> transaction = committed(tree);
        assertKept(tree);
        tree.erase(0, TOP, OWNER);
        assertLetGo(tree, writer, transaction, where);
    }

    private Transaction<Object> committed(MapleTree<Object> tree) {
        tree.writerLock().lock();
        try {
            Transaction<Object> transaction = tree.begin();
            edit(transaction);
            transaction.commit();
            return transaction;
        } finally {
            tree.writerLock().unlock();
        }
    }

    @Test
    @DisplayName("by a snapshot, when that is dropped")
    void snapshot() {
        MapleTree<Object> tree = filled(2000);
        List<Snapshot<Object>> held = new ArrayList<>(List.of(tree.snapshot()));
        tree.erase(0, TOP);
        assertKept(tree, held);
        held.clear();
        assertLetGo(tree, held);
    }

    @ParameterizedTest
    @MethodSource("clearings")
    @DisplayName("by a reader, when it looks at the tree again")
    void reader(Consumer<MapleTree<Object>> clear) {
        for (int size : SIZES) {
            for (long index : new long[] {0, 2L * size, TOP}) {
                MapleTree<Object> tree = filled(size);
                Reader<Object> reader = tree.reader();
                reader.get(index);
                clear.accept(tree);
                assertKept(tree, reader);
                reader.get(index);
                assertLetGo(tree, reader);
            }
        }
    }

    @Test
    @DisplayName("by a reader, when it looks at the tree again, though that has even ends")
    void readerAmongEvenEnds() {
        for (int size : SIZES) {
            MapleTree<Object> tree = filled(size);
            Reader<Object> reader = tree.reader();
            tree.store(TOP - 101, TOP - 101, "even");
            assertTrue(tree.rootAcquire().anyEven);
            reader.get(0);
            reader.get(TOP);
            tree.erase(0, TOP);
            // All ends are odd again.
            assertNull(reader.get(0));
            assertLetGo(tree, reader);
            tree.store(0, 1, value());
            reader.get(0);
            tree.store(0, 0, "even");
            tree.erase(1, 1);
            assertEquals("even", reader.get(0));
            assertLetGo(tree, reader);
        }
    }

    /** Returns all ways to lose entries, combined with all calls that may move a cursor afterwards. */
    static Stream<Arguments> clearingsAndMoves() {
        List<Named<Consumer<Cursor<Object>>>> moves = List.of(
                Named.of("next", Cursor::next),
                Named.of("previous", Cursor::previous),
                Named.of("find", cursor -> cursor.find(5)),
                Named.of("findBackward", cursor -> cursor.findBackward(5)));
        return clearings().flatMap(clearing -> moves.stream().map(move -> Arguments.of(clearing, move)));
    }

    @ParameterizedTest
    @MethodSource("clearingsAndMoves")
    @DisplayName("by a cursor, when it is moved, off an end too")
    void cursor(Consumer<MapleTree<Object>> clear, Consumer<Cursor<Object>> move) {
        for (int size : SIZES) {
            for (long index : new long[] {0, TOP}) {
                MapleTree<Object> tree = filled(size);
                Cursor<Object> cursor = tree.cursor();
                cursor.find(index);
                clear.accept(tree);
                assertKept(tree, cursor);
                move.accept(cursor);
                assertLetGo(tree, cursor);
            }
        }
    }

    /** Returns ways to move a cursor off an end. */
    static Stream<Named<Consumer<Cursor<Object>>>> ends() {
        return Stream.of(
                Named.of("upwards", cursor -> moveUntilNull(cursor::next)),
                Named.of("downwards", cursor -> moveUntilNull(cursor::previous)),
                Named.of("from the last entry", cursor -> {
                    cursor.find(TOP);
                    assertNull(cursor.next());
                }),
                Named.of("from the first entry", cursor -> {
                    cursor.findBackward(0);
                    assertNull(cursor.previous());
                }));
    }

    private static void moveUntilNull(Supplier<@Nullable Object> move) {
        Object value = move.get();
        while (value != null) {
            value = move.get();
        }
    }

    @ParameterizedTest
    @MethodSource("ends")
    @DisplayName("by a cursor that is off an end")
    void cursorOffAnEnd(Consumer<Cursor<Object>> leave) {
        for (int size : SIZES) {
            MapleTree<Object> tree = filled(size);
            Cursor<Object> cursor = tree.cursor();
            leave.accept(cursor);
            tree.erase(0, TOP);
            assertLetGo(tree, cursor);
        }
    }
}
