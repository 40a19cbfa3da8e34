// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import static dev.samara.core.interleave.cost.ManyMappings.AT;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Mman;

/** A call that affects many mappings, each of one page. */
@SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
enum CallOverMany {
    MREMAP(Mapped.APART, true, CallOverMany::move),
    MREMAP_OVER_OTHERS(Mapped.APART_BELOW_OTHERS, true, CallOverMany::move),
    MREMAP_OVER_SHARED(Mapped.APART_BELOW_SHARED, true, CallOverMany::move),
    MREMAP_OF_TOUCHED(Mapped.TOUCHED, true, CallOverMany::move),
    MREMAP_OF_NEIGHBOURS(Mapped.ALTERNATELY, true, CallOverMany::move),
    MREMAP_DONTUNMAP(Mapped.APART, true, CallOverMany::moveAndKeep),
    MPROTECT(Mapped.ALTERNATELY, true, (space, length) -> space.mprotect(AT, length, Mman.READ)),
    MPROTECT_NONE(Mapped.ALTERNATELY, true, (space, length) -> space.mprotect(AT, length, Mman.NONE)),
    MPROTECT_BESIDE_CALLS_AT_THE_LIMIT(
            Mapped.ALTERNATELY_TO_THE_LIMIT, true, (space, length) -> space.mprotect(AT, length, Mman.READ)),
    DONTNEED(Mapped.ALTERNATELY, true, (space, length) -> space.madvise(AT, length, Mman.DONTNEED)),
    GUARD_INSTALL(Mapped.ALTERNATELY, true, (space, length) -> space.madvise(AT, length, Mman.GUARD_INSTALL)),
    DONTFORK(Mapped.ALTERNATELY, true, (space, length) -> space.madvise(AT, length, Mman.DONTFORK)),
    POPULATE_READ(Mapped.ALTERNATELY, true, (space, length) -> space.madvise(AT, length, Mman.POPULATE_READ)),
    MLOCK(Mapped.ALTERNATELY, true, (space, length) -> space.mlock2(AT, length, Mman.ONFAULT)),
    MLOCKALL(Mapped.ALTERNATELY, true, (space, length) -> space.mlockall(Mman.CURRENT | Mman.ALL_ONFAULT)),
    MSYNC(Mapped.ALTERNATELY, true, (space, length) -> space.msync(AT, length, Mman.SYNC)),
    MSEAL(Mapped.ALTERNATELY, true, (space, length) -> space.mseal(AT, length, 0)),
    SET_ANON_NAME(Mapped.ALTERNATELY, true, (space, length) -> space.setAnonymousName(AT, length, "pool")),

    MUNMAP(Mapped.APART, false, (space, length) -> space.munmap(AT, length)),
    MUNMAP_OF_SHARED(Mapped.SHARED, false, (space, length) -> space.munmap(AT, length)),
    MAP_FIXED(Mapped.APART, false, CallOverMany::mapOver),
    MAP_FIXED_OVER_SHARED(Mapped.SHARED, false, CallOverMany::mapOver),
    END(Mapped.APART, false, CallOverMany::end),
    END_OF_SHARED(Mapped.SHARED, false, CallOverMany::end),
    FORK(Mapped.ALTERNATELY, false, CallOverMany::fork),
    FORK_OF_SHARED(Mapped.SHARED, false, CallOverMany::fork),

    /* The backing must be asked, so each call publishes once. */
    MREMAP_OF_BACKED(Mapped.BACKED, false, CallOverMany::move),
    MREMAP_OF_BACKED_EACH(Mapped.BACKED_EACH, false, CallOverMany::move),
    MREMAP_OF_BACKED_OVER_OTHERS(Mapped.BACKED_BELOW_OTHERS, false, CallOverMany::move),
    MREMAP_DONTUNMAP_OF_BACKED(Mapped.BACKED, false, CallOverMany::moveAndKeep),
    MREMAP_DONTUNMAP_OF_BACKED_EACH(Mapped.BACKED_EACH, false, CallOverMany::moveAndKeep),
    MPROTECT_OF_BACKED(Mapped.ALTERNATELY_BACKED, false, (space, length) -> space.mprotect(AT, length, Mman.READ)),
    DONTFORK_OF_BACKED(Mapped.ALTERNATELY_BACKED, false, (space, length) -> space.madvise(AT, length, Mman.DONTFORK)),
    FORK_OF_BACKED(Mapped.BACKED_EACH, false, CallOverMany::fork),
    MUNMAP_OF_BACKED(Mapped.BACKED, false, (space, length) -> space.munmap(AT, length));

    /** The layout of the mappings before the call. */
    enum Mapped {
        /** A page between any two of them is unmapped. */
        APART,
        /** As {@link #APART}; the target contains other mappings. */
        APART_BELOW_OTHERS,
        /** As {@link #APART}; the target contains mappings, each of its own shared object. */
        APART_BELOW_SHARED,
        /** As {@link #APART}, each with a page in memory. */
        TOUCHED,
        /** Neighbours with alternating rights. */
        ALTERNATELY,
        /** Each maps its own shared object. */
        SHARED,
        /** All map one backing, which must be asked. */
        BACKED,
        /** Each maps its own backing. */
        BACKED_EACH,
        BACKED_BELOW_OTHERS,
        ALTERNATELY_BACKED,
        /**
         * As many neighbours as the space permits; further mappings are created concurrently with the call in flight.
         */
        ALTERNATELY_TO_THE_LIMIT
    }

    /** A call on a range of the given length. */
    interface OverRange {
        long make(AddressSpace space, long length);
    }

    final Mapped mapped;

    /** Whether the call takes the layout lock many times, each time for a bounded number of mappings. */
    final boolean isBatched;

    final OverRange call;

    CallOverMany(Mapped mapped, boolean isBatched, OverRange call) {
        this.mapped = mapped;
        this.isBatched = isBatched;
        this.call = call;
    }

    private static long move(AddressSpace space, long length) {
        return space.mremap(AT, length, length, ManyMappings.MOVE, ManyMappings.TARGET);
    }

    private static long moveAndKeep(AddressSpace space, long length) {
        return space.mremap(AT, length, length, ManyMappings.MOVE | Mman.DONTUNMAP, ManyMappings.TARGET);
    }

    private static long mapOver(AddressSpace space, long length) {
        return space.mmap(AT, length, ManyMappings.RW, ManyMappings.FIXED, null, 0);
    }

    private static long end(AddressSpace space, long length) {
        space.close();
        return 0;
    }

    private static long fork(AddressSpace space, long length) {
        space.fork().close();
        return 0;
    }
}
