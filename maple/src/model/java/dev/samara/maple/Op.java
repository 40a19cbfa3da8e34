// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * One step of a random sequence. It is self-contained, so any sequence of steps can be run: a step that makes no sense
 * in its place does nothing.
 *
 * @param kind the kind of step
 * @param a the first index, or the only one
 * @param b the last index
 * @param n the value to store, or a choice among cursors
 * @param owner the number of an owner
 * @param gap the gap to search for
 */
record Op(Kind kind, long a, long b, int n, int owner, Gap gap) {

    enum Kind {
        STORE,
        STORE_OWNED,
        RESIZE,
        INSERT,
        ERASE,
        ERASE_OWNED,
        ERASE_AT,
        COALESCE,
        MERGE,
        STORE_ALL,
        RESERVE,
        REPLACE_BY_RESERVATION,
        STORE_LOWEST,
        STORE_HIGHEST,
        RESERVE_LOWEST,
        RESERVE_HIGHEST,
        FIND_LOWEST,
        FIND_HIGHEST,
        LOOK,
        SNAPSHOT,
        CURSOR_FIND,
        CURSOR_FIND_BACKWARD,
        CURSOR_NEXT,
        CURSOR_PREVIOUS,
        BEGIN,
        COMMIT,
        ABORT
    }

    /** The request of a {@link GapSearch}. */
    record Gap(long size, long min, long max, long alignment, long offset, long before, long after) {

        static final Gap ANY = new Gap(1, 0, -1L, 1, 0, 0, 0);

        GapSearch request() {
            return new GapSearch()
                    .size(size)
                    .within(min, max)
                    .aligned(alignment, offset)
                    .guarded(before, after);
        }

        String asJava() {
            return "new GapSearch().size(" + Op.asJava(size) + ").within(" + Op.asJava(min) + ", " + Op.asJava(max)
                    + ").aligned(" + Op.asJava(alignment) + ", " + Op.asJava(offset) + ").guarded("
                    + Op.asJava(before) + ", " + Op.asJava(after) + ")";
        }
    }

    static String asJava(long index) {
        return "0x" + Long.toHexString(index) + "L";
    }

    /**
     * Returns the source text of the call that this step makes on a tree or transaction, or on a cursor, with these
     * names.
     */
    String asJava(String target, String cursor) {
        String first = asJava(a);
        String range = first + ", " + asJava(b);
        String by = "\"" + ModelRun.OWNERS.get(owner) + "\"";
        return switch (kind) {
            case STORE -> target + ".store(" + range + ", " + n + ")";
            case STORE_OWNED -> target + ".store(" + range + ", " + n + ", " + by + ")";
            case RESIZE -> "ModelRun.resize(" + target + ", " + range + ")";
            case INSERT -> target + ".insert(" + range + ", " + n + ")";
            case ERASE -> target + ".erase(" + range + ")";
            case ERASE_OWNED -> target + ".erase(" + range + ", " + by + ")";
            case ERASE_AT -> target + ".eraseEntry(" + first + ")";
            case COALESCE -> target + ".storeCoalescing(" + range + ", " + n + ")";
            case MERGE -> target + ".merge(" + range + ", " + n + ", ModelRun::merged)";
            case STORE_ALL -> target + ".storeAll(ModelRun.three(" + range + ", " + n + "))";
            case RESERVE -> target + ".reserve(" + range + ", " + by + ")";
            case REPLACE_BY_RESERVATION -> target + ".replaceByReservation(" + range + ", " + by + ")";
            case STORE_LOWEST -> target + ".storeLowest(" + gap.asJava() + ", " + n + ")";
            case STORE_HIGHEST -> target + ".storeHighest(" + gap.asJava() + ", " + n + ")";
            case RESERVE_LOWEST -> target + ".reserveLowest(" + gap.asJava() + ", " + by + ")";
            case RESERVE_HIGHEST -> target + ".reserveHighest(" + gap.asJava() + ", " + by + ")";
            case FIND_LOWEST -> target + ".findLowest(" + gap.asJava() + ")";
            case FIND_HIGHEST -> target + ".findHighest(" + gap.asJava() + ")";
            case LOOK -> target + ".get(" + first + ")";
            case SNAPSHOT -> "tree.snapshot()";
            case CURSOR_FIND -> cursor + ".find(" + first + ")";
            case CURSOR_FIND_BACKWARD -> cursor + ".findBackward(" + first + ")";
            case CURSOR_NEXT -> cursor + ".next()";
            case CURSOR_PREVIOUS -> cursor + ".previous()";
            case BEGIN -> "tree.begin()";
            case COMMIT -> target + ".commit()";
            case ABORT -> target + ".abort()";
        };
    }
}
