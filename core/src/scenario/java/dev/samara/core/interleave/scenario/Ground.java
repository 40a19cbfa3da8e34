// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.mman.Mman;
import org.jspecify.annotations.Nullable;

/** The mapping of eight pages on which the operations of a scenario work. */
public enum Ground {
    ANONYMOUS,
    /** In a space in which a hole may be allocated before its {@code munmap} completed. */
    EARLY_REUSE,
    /** The heap. */
    HEAP,
    /** With guard markers on the second page of each range. */
    GUARDED,
    SHARED_ANONYMOUS,
    PRIVATE_FILE,
    SHARED_FILE,
    /** A file whose pages are read by a backing that blocks, is notified of writes, and offers its pages to faults. */
    CACHED_FILE,
    /** A host file with a shared mapping. */
    HOST_FILE,
    /** An attachment of a shared segment. */
    SEGMENT,
    /** A mapping that grows down. */
    STACK;

    public static final int PAGES = 8;

    private static final long START = SpaceScenario.AT;
    private static final long LENGTH = PAGES * SpaceScenario.PAGE;
    private static final int SHARED = Mman.SHARED | Mman.FIXED;

    public boolean hasFile() {
        return this == PRIVATE_FILE || this == SHARED_FILE || this == CACHED_FILE || this == HOST_FILE;
    }

    /** Returns whether {@code MADV_REMOVE} is allowed. */
    public boolean hasHoles() {
        return this == SHARED_ANONYMOUS || this == SHARED_FILE;
    }

    public AddressSpaceBuilder describe(AddressSpaceBuilder builder) {
        return switch (this) {
            case EARLY_REUSE -> builder.earlyReuse(true);
            case HEAP -> builder.heap(START, START);
            default -> builder;
        };
    }

    /** Creates the file, if there is one. */
    @Nullable
    public GroundFile file(State state) {
        return switch (this) {
            case PRIVATE_FILE, SHARED_FILE -> GroundFile.inMemory(state);
            case CACHED_FILE -> GroundFile.cached(state);
            case HOST_FILE -> new HostGroundFile(state);
            default -> null;
        };
    }

    /** Maps the pages. */
    public void map(State state) {
        AddressSpace space = state.space;
        GroundFile file = state.file;
        if (this == HEAP) {
            space.brk(START + LENGTH);
        } else if (this == SEGMENT) {
            space.shmat(state.segment(PAGES), START, 0);
        } else if (file != null) {
            int flags = this == PRIVATE_FILE ? Mman.PRIVATE | Mman.FIXED : SHARED;
            space.mmap(START, LENGTH, SpaceScenario.RW, flags, file.backing(), 0);
        } else {
            int flags = this == SHARED_ANONYMOUS
                    ? SHARED | Mman.ANONYMOUS
                    : SpaceScenario.FIXED | (this == STACK ? Mman.GROWSDOWN : 0);
            space.mmap(START, LENGTH, SpaceScenario.RW, flags, null, 0);
        }
    }

    /** Installs guard markers on the second page of a range. */
    public void guard(AddressSpace space, long start) {
        if (this == GUARDED) {
            space.madvise(start + SpaceScenario.PAGE, SpaceScenario.PAGE, Mman.GUARD_INSTALL);
        }
    }
}
