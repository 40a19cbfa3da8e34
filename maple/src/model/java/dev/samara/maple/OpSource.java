// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Random;

/**
 * Generates random steps. The steps depend on the model, so that ranges touch, overlap and cut existing pieces; and on
 * a phase: the tree grows by runs of small adjacent ranges, and shrinks by large ones.
 */
final class OpSource {

    private static final long[] CORNERS = {0, 1, Long.MAX_VALUE, Long.MIN_VALUE, -2L, -1L};

    private enum Phase {
        GROW,
        SHRINK,
        MIX
    }

    private final Random random;

    /** The part of the index space that most steps use. */
    private final long base;

    private final long span;

    /** The number of pieces at which growth turns into shrinking. */
    private final int enough;

    /**
     * A growing run contains one reservation per this many ranges on average. With few reservations, most are added and
     * removed without another one nearby.
     */
    private final int rareReservations;

    /** Whether all ranges end at odd indexes, so that lookups compare only halves and boundaries may move in place. */
    private final boolean isOdd;

    private Phase phase = Phase.GROW;
    private int left;
    private long anchor;
    private long resized;
    private int lastValue;

    OpSource(long seed) {
        random = new Random(seed);
        int bits = random.nextInt(4) == 0 ? 64 : 5 + random.nextInt(20);
        span = bits == 64 ? -1L : 1L << bits;
        base = bits == 64
                ? 0
                : switch (random.nextInt(5)) {
                    case 0 -> 0;
                    case 1 -> -span;
                    case 2 -> Long.MAX_VALUE - span / 2;
                    case 3 -> 0x7fff_0000_0000L;
                    default -> random.nextLong() & -span;
                };
        rareReservations = random.nextInt(3) == 0 ? 100 : 5;
        enough = 1 << (4 + random.nextInt(9));
        isOdd = random.nextInt(2) == 0;
    }

    private long below(long bound) {
        return bound == 0 ? random.nextLong() : Long.remainderUnsigned(random.nextLong(), bound);
    }

    private long anywhere() {
        return base + below(span);
    }

    /** Returns a position at or next to the bounds of a piece, or anywhere, or at a corner. */
    private long position(Model model) {
        int dice = random.nextInt(16);
        if (dice == 0) {
            return CORNERS[random.nextInt(CORNERS.length)];
        }
        if (dice < 6) {
            return anywhere();
        }
        if (dice < 9) {
            return anchor + random.nextInt(9) - 4;
        }
        Model.Piece p = model.atOrAfter(anywhere());
        if (p == null) {
            return anywhere();
        }
        return (random.nextBoolean() ? p.first() : p.last()) + random.nextInt(5) - 2;
    }

    private long length() {
        int dice = random.nextInt(16);
        return dice < 8 ? 1 + random.nextInt(4) : dice < 15 ? 1 + below(1 + span / 16) : 1 + below(span);
    }

    private void choosePhase(Model model) {
        left = 20 + random.nextInt(80);
        anchor = anywhere();
        phase = model.size() > enough
                ? Phase.SHRINK
                : random.nextInt(3) == 0 ? Phase.MIX : random.nextInt(8) == 0 ? Phase.SHRINK : Phase.GROW;
    }

    Op next(Model model, boolean inTransaction) {
        if (left-- <= 0) {
            choosePhase(model);
        }
        int dice = random.nextInt(100);
        if (dice < 6) {
            return of(
                    inTransaction
                            ? random.nextInt(3) == 0 ? Op.Kind.ABORT : Op.Kind.COMMIT
                            : random.nextInt(3) == 0 ? Op.Kind.BEGIN : Op.Kind.SNAPSHOT,
                    0,
                    0);
        }
        if (dice < 22) {
            long a = position(model);
            return of(
                    switch (random.nextInt(8)) {
                        case 0 -> Op.Kind.CURSOR_FIND;
                        case 1 -> Op.Kind.CURSOR_FIND_BACKWARD;
                        case 2, 3, 4 -> Op.Kind.CURSOR_NEXT;
                        case 5, 6 -> Op.Kind.CURSOR_PREVIOUS;
                        default -> Op.Kind.LOOK;
                    },
                    a,
                    a);
        }
        if (dice < 34 && !isOdd) {
            return search(model, inTransaction);
        }
        if (dice < 46) {
            return resize(model);
        }
        return switch (phase) {
            case GROW -> grow(model);
            case SHRINK -> shrink(model);
            case MIX -> mix(model);
        };
    }

    private Op grow(Model model) {
        if (random.nextInt(8) == 0) {
            return mix(model);
        }
        long first = anchor;
        long last = first + random.nextInt(3);
        if (Long.compareUnsigned(first, last) > 0) {
            last = -1L;
        }
        anchor = last + 1 + (random.nextInt(3) == 0 ? random.nextInt(3) : 0);
        return of(random.nextInt(rareReservations) == 0 ? Op.Kind.RESERVE : Op.Kind.STORE, first, last);
    }

    /** Moves an end of the entry that was resized last, or of a random one. */
    private Op resize(Model model) {
        if (random.nextInt(3) == 0) {
            resized = anywhere();
        }
        Model.Piece p = model.atOrAfter(resized);
        if (p == null) {
            return mix(model);
        }
        resized = p.first();
        int by = 1 + random.nextInt(6);
        return switch (random.nextInt(8)) {
            case 0, 1, 2 -> inOrder(Op.Kind.RESIZE, p.first(), p.last() + by);
            case 3 -> inOrder(Op.Kind.RESIZE, p.first() - by, p.last());
            case 4, 5 -> inOrder(Op.Kind.ERASE, p.last() - by, p.last());
            case 6 -> inOrder(Op.Kind.ERASE, p.first(), p.first() + by);
            default -> inOrder(Op.Kind.RESIZE, p.first(), p.last());
        };
    }

    private Op inOrder(Op.Kind kind, long a, long b) {
        return Long.compareUnsigned(a, b) <= 0 ? of(kind, a, b) : of(kind, b, a);
    }

    private Op shrink(Model model) {
        if (random.nextInt(4) == 0) {
            return mix(model);
        }
        Op.Kind kind = switch (random.nextInt(4)) {
            case 0 -> Op.Kind.ERASE_AT;
            case 1 -> Op.Kind.ERASE;
            default -> Op.Kind.ERASE_OWNED;
        };
        return range(kind, model);
    }

    private Op mix(Model model) {
        Op.Kind[] kinds = {
            Op.Kind.STORE,
            Op.Kind.STORE,
            Op.Kind.COALESCE,
            Op.Kind.MERGE,
            Op.Kind.STORE_ALL,
            Op.Kind.STORE_OWNED,
            Op.Kind.INSERT,
            Op.Kind.ERASE,
            Op.Kind.ERASE_OWNED,
            Op.Kind.ERASE_AT,
            Op.Kind.RESERVE,
            Op.Kind.REPLACE_BY_RESERVATION
        };
        int most = rareReservations > 5 && random.nextInt(10) != 0 ? kinds.length - 2 : kinds.length;
        return range(kinds[random.nextInt(most)], model);
    }

    private Op range(Op.Kind kind, Model model) {
        long a = position(model);
        long b = random.nextInt(3) == 0 ? position(model) : a + (length() - 1);
        if (random.nextInt(400) == 0) {
            a = 0;
            b = -1L;
        }
        return inOrder(kind, a, b);
    }

    private Op search(Model model, boolean inTransaction) {
        long size = length();
        if (size == 0) {
            size = 1;
        }
        long min = 0;
        long max = -1L;
        if (random.nextInt(4) != 0) {
            min = position(model);
            max = random.nextBoolean() ? position(model) : min + size - 1 + random.nextInt(3);
        }
        if (Long.compareUnsigned(min, max) > 0) {
            long swap = min;
            min = max;
            max = swap;
        }
        long alignment = 1;
        long offset = 0;
        if (random.nextInt(3) == 0) {
            alignment = random.nextBoolean() ? 1L << random.nextInt(8) : 1 + below(100);
            offset = below(alignment);
        } else if (random.nextInt(20) == 0) {
            alignment = random.nextLong() | 1;
            offset = below(alignment);
        }
        boolean guarded = random.nextInt(4) == 0;
        Op.Gap gap = new Op.Gap(
                size, min, max, alignment, offset, guarded ? below(20) : 0, guarded ? random.nextInt(20) : 0);
        Op.Kind kind = inTransaction
                ? random.nextBoolean() ? Op.Kind.FIND_LOWEST : Op.Kind.FIND_HIGHEST
                : switch (random.nextInt(rareReservations > 5 && random.nextInt(10) != 0 ? 4 : 6)) {
                    case 0, 1 -> Op.Kind.STORE_LOWEST;
                    case 2, 3 -> Op.Kind.STORE_HIGHEST;
                    case 4 -> Op.Kind.RESERVE_LOWEST;
                    default -> Op.Kind.RESERVE_HIGHEST;
                };
        return new Op(kind, min, max, value(), owner(), gap);
    }

    private Op of(Op.Kind kind, long a, long b) {
        return new Op(kind, isOdd ? a & ~1 : a, isOdd ? b | 1 : b, value(), owner(), Op.Gap.ANY);
    }

    /**
     * Returns a new value in most cases, otherwise the previous one, because adjacent entries with equal values stay
     * separate.
     */
    private int value() {
        return random.nextInt(4) == 0 ? lastValue : ++lastValue;
    }

    /** Returns the same owner in most cases, because otherwise hardly any large range could be stored over. */
    private int owner() {
        return random.nextInt(8) != 0 ? 0 : random.nextInt(ModelRun.OWNERS.size());
    }
}
