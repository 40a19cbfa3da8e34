// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import java.util.List;

/**
 * Each way in which the tree publishes an edit, concurrently with the readers that it could mislead; one scenario each.
 */
final class TreeScenarios {
    private TreeScenarios() {}

    /** A snapshot that is taken concurrently with stores is not changed by a later store. */
    abstract static class Held extends TreeScenario {
        Held() {
            super(List.of(tree -> tree.store(8, 8, 100), tree -> tree.store(10, 10, 101)), List.of(TwoLeaves::hold));
        }

        @Override
        List<Call> after() {
            return List.of(tree -> tree.store(11, 11, 102), TwoLeaves::held);
        }
    }

    /** Stores that replace leaves in place, concurrently with a snapshot that ends the era. */
    static final class SnapshotInAnOpenEra extends Held {}

    /**
     * The first store of an era, and one that replaces a leaf in place, concurrently with a snapshot that takes no
     * lock.
     */
    static final class SnapshotBesideAFirstStore extends Held {
        @Override
        List<Call> before() {
            return List.of(TwoLeaves::snapshot);
        }
    }

    /** A leaf is replaced in place by one with shifted slots, concurrently with lookups in later slots. */
    abstract static class SlotsMove extends TreeScenario {
        SlotsMove(List<Call> reader) {
            super(List.of(tree -> tree.storeWithin(6, 100), tree -> tree.store(6, 7, 101)), reader);
        }
    }

    static final class SlotsMoveBesideLookups extends SlotsMove {
        SlotsMoveBesideLookups() {
            super(List.of(tree -> tree.get(8), tree -> tree.get(8)));
        }
    }

    static final class LanesMoveBesideLookups extends SlotsMove {
        LanesMoveBesideLookups() {
            super(List.of(tree -> tree.get(8), tree -> tree.get(8)));
        }

        @Override
        boolean isHigh() {
            return true;
        }
    }

    static final class SlotsMoveBesideLookupsTogether extends SlotsMove {
        SlotsMoveBesideLookupsTogether() {
            super(List.of(tree -> tree.getAmongFour(8), tree -> tree.getAmongFour(8)));
        }
    }

    /** The reader caches the leaf. */
    static final class SlotsMoveBesideAReader extends SlotsMove {
        SlotsMoveBesideAReader() {
            super(List.of(tree -> tree.getByReader(8), tree -> tree.get(6), tree -> tree.getByReader(6)));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.getByReader(8));
        }
    }

    static final class SlotsMoveBesideACursor extends SlotsMove {
        SlotsMoveBesideACursor() {
            super(List.of(tree -> tree.find(8), TwoLeaves::next));
        }
    }

    /** A transaction replaces the root and everything below it while a reader caches a leaf. */
    static final class RootReplacedBesideAReader extends TreeScenario {
        RootReplacedBesideAReader() {
            super(
                    List.of(tree -> tree.storeTwo(8, 10, 100), tree -> tree.store(6, 6, 101)),
                    List.of(
                            tree -> tree.get(8),
                            tree -> tree.getByReader(8),
                            tree -> tree.get(6),
                            tree -> tree.getByReader(6)));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.getByReader(8));
        }
    }

    /** Two stores that replace leaves in place are seen in order. */
    static final class StoresInOrder extends TreeScenario {
        StoresInOrder() {
            super(
                    List.of(tree -> tree.store(8, 8, 100), tree -> tree.store(10, 10, 101)),
                    List.of(tree -> tree.get(10), tree -> tree.get(8)));
        }
    }

    /**
     * A boundary moves after a store to the other leaf, concurrently with a snapshot: only the nodes above the leaf are
     * new.
     */
    static final class BoundaryMovesBesideASnapshot extends TreeScenario {
        BoundaryMovesBesideASnapshot() {
            super(List.of(tree -> tree.store(10, 10, 100), tree -> tree.grow(6, 2)), List.of(TwoLeaves::hold));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.grow(6, 1));
        }

        @Override
        List<Call> after() {
            return List.of(tree -> tree.grow(6, 3), TwoLeaves::held);
        }
    }

    /** An entry grows over the next one while a cursor is on it. */
    static final class BoundaryMovesBesideACursor extends TreeScenario {
        BoundaryMovesBesideACursor() {
            super(List.of(tree -> tree.grow(6, 2), tree -> tree.grow(6, 3)), List.of(TwoLeaves::next, TwoLeaves::next));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.store(7, 7, 7), tree -> tree.grow(6, 1), tree -> tree.find(6));
        }
    }

    /** An entry grows over the key of a search that already continued in the upper leaf. */
    static final class BoundaryMovesBesideASearch extends TreeScenario {
        BoundaryMovesBesideASearch() {
            super(
                    List.of(tree -> tree.grow(6, 2), tree -> tree.store(9, 9, 101)),
                    List.of(tree -> tree.atOrAfterQuarter(7, 2)));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.store(9, 9, 100), tree -> tree.erase(8, 8), tree -> tree.grow(6, 1));
        }
    }

    /** The next entry is in the upper leaf, and the empty end of the lower leaf is stored to. */
    static final class NextEntryInTheUpperLeaf extends TreeScenario {
        NextEntryInTheUpperLeaf() {
            super(
                    List.of(tree -> tree.store(7, 7, 101), tree -> tree.store(9, 9, 102)),
                    List.of(tree -> tree.atOrAfter(7)));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.store(9, 9, 100), tree -> tree.erase(8, 8));
        }
    }

    /** The previous entry is in the lower leaf, and the empty start of the upper leaf is stored to. */
    static final class EntryBeforeInTheLowerLeaf extends TreeScenario {
        EntryBeforeInTheLowerLeaf() {
            super(
                    List.of(tree -> tree.store(9, 9, 100), tree -> tree.store(8, 8, 101)),
                    List.of(tree -> tree.atOrBefore(9)));
        }
    }

    /** The previous entry is in the lower leaf while the two leaves are merged. */
    static final class EntryBeforeInALeafThatIsJoined extends TreeScenario {
        EntryBeforeInALeafThatIsJoined() {
            super(List.of(tree -> tree.eraseFrom(9)), List.of(tree -> tree.atOrBefore(9)));
        }
    }

    /**
     * No leaf nearby contains an entry, and the only entry is moved. The reservation prevents a merge of the leaves.
     */
    static final class EntryMovesAmongReservations extends TreeScenario {
        EntryMovesAmongReservations() {
            super(
                    List.of(tree -> tree.store(7, 7, 100), tree -> tree.erase(10, 10)),
                    List.of(TwoLeaves::isEmpty, tree -> tree.atOrAfter(6), tree -> tree.atOrBefore(11)));
        }

        @Override
        boolean isReserved() {
            return true;
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.reserve(9), tree -> tree.erase(6, 8));
        }
    }

    /** A reservation is moved to the other leaf. */
    static final class ReservationMoves extends TreeScenario {
        ReservationMoves() {
            super(
                    List.of(tree -> tree.reserve(7), tree -> tree.eraseOwned(9)),
                    List.of(tree -> tree.reservationIn(6, 11)));
        }

        @Override
        boolean isReserved() {
            return true;
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.reserve(9));
        }
    }

    /**
     * A transaction in both leaves. The lookups are in the order of the stores, so no result may contain the first
     * store without the second.
     */
    static final class TransactionBesideLookups extends TreeScenario {
        TransactionBesideLookups() {
            super(
                    List.of(tree -> tree.storeTwo(8, 10, 100)),
                    List.of(tree -> tree.get(8), tree -> tree.get(10), TwoLeaves::hold));
        }
    }

    /** A value is replaced by a reservation, and the reservation by a value. */
    static final class ValueBecomesAReservation extends TreeScenario {
        ValueBecomesAReservation() {
            super(
                    List.of(tree -> tree.replaceByReservation(8), tree -> tree.storeOwned(8, 100)),
                    List.of(tree -> tree.get(8), tree -> tree.isFree(8), tree -> tree.reservationIn(6, 11)));
        }

        @Override
        List<Call> before() {
            return List.of(tree -> tree.reserve(7));
        }
    }

    /** Two searches for a free cell. */
    static final class Searches extends TreeScenario {
        Searches() {
            super(
                    List.of(tree -> tree.storeLowest(100), tree -> tree.erase(6, 6)),
                    List.of(tree -> tree.storeLowest(101), tree -> tree.reserve(9)));
        }
    }
}
