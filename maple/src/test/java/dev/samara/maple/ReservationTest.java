// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@DisplayName("D: reservations")
class ReservationTest {

    /** All owners are equal, because the tree must compare them by identity. */
    private static final class Owner {
        private final String name;

        Owner(String name) {
            this.name = name;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Owner;
        }

        @Override
        public int hashCode() {
            return 1;
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private final MapleTree<Object> tree = new MapleTree<>();
    private final Owner anna = new Owner("anna");
    private final Owner ben = new Owner("ben");

    @BeforeEach
    void reserve() {
        tree.store(0, 9, "low");
        assertTrue(tree.reserve(10, 19, anna));
        tree.store(20, 29, "high");
    }

    @AfterEach
    void validate() {
        tree.validate();
    }

    @Test
    @DisplayName("D.1 absent in every lookup view")
    void lookupsDoNotSeeReservations() {
        Snapshot<Object> snapshot = tree.snapshot();
        tree.update(t -> {
            for (RangeView<Object> view : List.of(tree, snapshot, t)) {
                assertNull(view.get(10));
                assertNull(view.get(19));
                assertEquals(List.of(new RangeEntry<>(0, 9, "low"), new RangeEntry<>(20, 29, "high")), view.entries());
                Cursor<Object> c = view.cursor();
                assertEquals("high", c.find(10));
                assertEquals("low", c.findBackward(19));
                assertEquals("high", c.next());
                assertEquals("low", c.previous());
                view.forEach((first, last, value) -> assertTrue(value instanceof String));
            }
        });
    }

    @Test
    @DisplayName("D.2 occupied in the allocation view")
    void allocationsDoNotGetReservedRanges() {
        assertFalse(tree.isFree(15, 15));
        assertFalse(tree.insert(19, 19, "x"));
        assertFalse(tree.reserve(10, 10, anna));
        assertFalse(tree.storeLowest(new GapSearch().within(5, 25), "x"));
        assertFalse(tree.reserveHighest(new GapSearch().within(5, 25), anna));
        assertEquals(new RangeEntry<Object>(10, 19, anna), tree.reservationAt(12));
        assertNull(tree.reservationAt(9));
        assertNull(tree.reservationAt(20));
        assertNull(tree.reservationAt(99));
    }

    @Test
    @DisplayName("D.2 reservationIn is the lowest that overlaps the range, with all of its own range")
    void lowestReservationOfARangeIsFound() {
        assertTrue(tree.reserve(30, 39, ben));
        RangeEntry<Object> low = new RangeEntry<>(10, 19, anna);
        RangeEntry<Object> high = new RangeEntry<>(30, 39, ben);
        tree.update(t -> {
            t.replaceByReservation(36, 49, ben);
            RangeEntry<Object> cut = new RangeEntry<>(30, 35, ben);
            assertEquals(cut, t.reservationIn(20, 40));
            assertEquals(new RangeEntry<Object>(36, 49, ben), t.reservationIn(36, 99));
            t.erase(30, 49, ben);
            assertNull(t.reservationIn(20, -1L));
            assertEquals(low, t.reservationIn(0, -1L));
            assertThrows(IllegalArgumentException.class, () -> t.reservationIn(1, 0));
            t.abort();
            assertThrows(IllegalStateException.class, () -> t.reservationIn(0, 1));
        });
        assertEquals(low, tree.reservationIn(0, -1L));
        assertEquals(low, tree.reservationIn(12, 12));
        assertEquals(low, tree.reservationIn(19, 30));
        assertEquals(high, tree.reservationIn(20, 30));
        assertEquals(high, tree.reservationIn(39, -1L));
        assertNull(tree.reservationIn(0, 9));
        assertNull(tree.reservationIn(20, 29));
        assertNull(tree.reservationIn(40, -1L));
        assertNull(new MapleTree<>().reservationIn(0, -1L));
        assertThrows(IllegalArgumentException.class, () -> tree.reservationIn(-1L, 0));
    }

    @Test
    void reservationsOfARangeAreFoundInManyNodes() {
        tree.erase(10, 19, anna);
        for (int i = 100; i < 4000; i++) {
            tree.store(i, i, "x");
        }
        for (int i = 500; i < 4000; i += 500) {
            int index = i;
            tree.update(t -> t.replaceByReservation(index, index, ben));
            assertEquals(new RangeEntry<Object>(500, 500, ben), tree.reservationIn(20, i));
            assertEquals(new RangeEntry<Object>(i, i, ben), tree.reservationIn(i - 499, -1L));
            assertNull(tree.reservationIn(i + 1, 4000));
            assertNull(tree.reservationIn(i - 499, i - 1));
        }
    }

    private void refused(long first, long last, Object owner, Executable edit) {
        List<RangeEntry<Object>> before = tree.entries();
        String dump = tree.dump();
        ReservedException e = assertThrows(ReservedException.class, edit);
        assertEquals(first, e.first());
        assertEquals(last, e.last());
        assertSame(owner, e.owner());
        assertEquals(IndexRange.text(first, last) + " is reserved by " + owner, e.getMessage());
        assertEquals(before, tree.entries());
        assertEquals(dump, tree.dump());
    }

    @Test
    @DisplayName("D.3 C.4 others are refused, learn the owner and the range, and change nothing")
    void onlyTheOwnerMayEdit() {
        refused(10, 19, anna, () -> tree.store(19, 40, "x"));
        refused(10, 19, anna, () -> tree.store(0, 10, "x", ben));
        refused(10, 19, anna, () -> tree.erase(0, -1L));
        refused(10, 19, anna, () -> tree.erase(12, 12, ben));
        refused(10, 19, anna, () -> tree.eraseEntry(12));
        refused(10, 19, anna, () -> tree.update(t -> t.replaceByReservation(5, 15, ben)));
        tree.store(9, 10, "x", anna);
        assertEquals("x", tree.get(10));
        assertEquals(new RangeEntry<Object>(11, 19, anna), tree.reservationAt(19));
        tree.erase(15, 15, anna);
        assertEquals(new RangeEntry<Object>(11, 14, anna), tree.reservationAt(11));
        assertEquals(new RangeEntry<Object>(16, 19, anna), tree.reservationAt(16));
        assertTrue(tree.isFree(15, 15));
    }

    @Test
    void lowestReservationInTheWayIsNamed() {
        assertTrue(tree.reserve(30, 39, ben));
        refused(10, 19, anna, () -> tree.store(0, 50, "x"));
        refused(10, 19, anna, () -> tree.store(0, 50, "x", ben));
        refused(30, 39, ben, () -> tree.store(0, 50, "x", anna));
    }

    @Test
    void reservationReplacesEntriesAndTheOwnersReservations() {
        tree.update(t -> t.replaceByReservation(5, 24, anna));
        assertEquals(new RangeEntry<Object>(5, 24, anna), tree.reservationAt(24));
        assertEquals(List.of(new RangeEntry<>(0, 4, "low"), new RangeEntry<>(25, 29, "high")), tree.entries());
        tree.erase(5, 24, anna);
        assertTrue(tree.isFree(5, 24));
    }

    @Test
    void neighbouringReservationsStayApart() {
        assertTrue(tree.reserve(30, 34, anna));
        assertTrue(tree.reserve(35, 39, anna));
        assertEquals(new RangeEntry<Object>(30, 34, anna), tree.reservationAt(30));
        assertEquals(new RangeEntry<Object>(35, 39, anna), tree.reservationAt(35));
    }

    @Test
    void lastReservationOfATreeIsForgottenAtEveryLevel() {
        tree.erase(10, 19, anna);
        for (int i = 100; i < 4000; i++) {
            tree.store(2L * i, 2L * i, "x");
        }
        for (int i = 100; i < 4000; i += 13) {
            assertTrue(tree.reserve(2L * i + 1, 2L * i + 1, ben));
            tree.validate();
            tree.store(2L * i + 1, 2L * i + 1, "y", ben);
            tree.validate();
            tree.eraseEntry(2L * i + 1);
            assertTrue(tree.reserve(2L * i + 1, 2L * i + 1, ben));
            tree.erase(2L * i + 1, 2L * i + 1, ben);
            tree.validate();
        }
    }

    @Test
    void reservationsDeepInATreeAreFoundAndForgotten() {
        for (int i = 100; i < 4000; i++) {
            tree.store(i, i, "x");
        }
        assertEquals("x", tree.eraseEntry(2222));
        assertTrue(tree.reserve(2222, 2222, ben));
        refused(2222, 2222, ben, () -> tree.erase(200, 3999));
        tree.store(200, 2221, "y");
        tree.store(2223, 3000, "y");
        refused(2222, 2222, ben, () -> tree.store(0, -1L, "y", anna));
        tree.erase(2222, 2222, ben);
        tree.store(20, -1L, "y");
        tree.validate();
    }

    @Test
    @DisplayName("D.3 the owner's toString runs where the message is read, not under the lock")
    void messageIsMadeLate() {
        Object owner = new Object() {
            @Override
            public String toString() {
                assertFalse(tree.writerLock().isLocked());
                return "late";
            }
        };
        tree.reserve(50, 50, owner);
        ReservedException e = assertThrows(ReservedException.class, () -> tree.eraseEntry(50));
        assertEquals("[50, 50] is reserved by late", e.getMessage());
    }

    @Test
    void exceptionSurvivesSerializationWithoutItsOwner() throws Exception {
        ReservedException e = assertThrows(ReservedException.class, () -> tree.eraseEntry(12));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new ObjectOutputStream(bytes).writeObject(e);
        ReservedException copy =
                (ReservedException) new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray())).readObject();
        assertEquals(10, copy.first());
    }
}
