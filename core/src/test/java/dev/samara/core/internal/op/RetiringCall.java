// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;

/** An operation that must retire pages or rights: a row of the table of what may run concurrently. */
enum RetiringCall {
    MUNMAP(State.RESERVED, State.UNTOUCHED) {
        @Override
        long run(AddressSpace space) {
            return space.munmap(page(16), 8 * PAGE);
        }
    },
    MAP_FIXED(State.GATED, State.UNTOUCHED) {
        @Override
        long run(AddressSpace space) {
            return space.mmap(page(16), 8 * PAGE, Mman.READ, FIXED, null, 0);
        }
    },
    MAP_FIXED_THAT_MERGES(State.GATED, State.UNTOUCHED) {
        @Override
        long run(AddressSpace space) {
            return space.mmap(page(16), 8 * PAGE, RW, FIXED, null, 0);
        }
    },
    MPROTECT_THAT_MERGES(State.NARROWED, State.UNTOUCHED) {
        @Override
        void prepare(AddressSpace space) {
            map(space, 24, 2, Mman.READ);
        }

        @Override
        long run(AddressSpace space) {
            return space.mprotect(page(16), 8 * PAGE, Mman.READ);
        }
    },
    MPROTECT(State.NARROWED, State.UNTOUCHED) {
        @Override
        long run(AddressSpace space) {
            return space.mprotect(page(16), 8 * PAGE, Mman.READ);
        }
    },
    MREMAP(State.RESERVED, State.GATED) {
        @Override
        long run(AddressSpace space) {
            return space.mremap(page(16), 8 * PAGE, 8 * PAGE, MOVE | Mman.MREMAP_FIXED, page(64));
        }
    },
    MREMAP_OVER(State.RESERVED, State.GATED) {
        @Override
        void prepare(AddressSpace space) {
            map(space, 62, 12, Mman.READ);
        }

        @Override
        long run(AddressSpace space) {
            return space.mremap(page(16), 8 * PAGE, 8 * PAGE, MOVE | Mman.MREMAP_FIXED, page(64));
        }
    },
    MREMAP_DONTUNMAP(State.GATED, State.GATED) {
        @Override
        long run(AddressSpace space) {
            return space.mremap(page(16), 8 * PAGE, 8 * PAGE, MOVE | Mman.DONTUNMAP, page(64));
        }
    },
    MREMAP_DONTUNMAP_OVER(State.GATED, State.GATED) {
        @Override
        void prepare(AddressSpace space) {
            map(space, 62, 12, Mman.READ);
        }

        @Override
        long run(AddressSpace space) {
            int flags = MOVE | Mman.MREMAP_FIXED | Mman.DONTUNMAP;
            return space.mremap(page(16), 8 * PAGE, 8 * PAGE, flags, page(64));
        }
    },
    MREMAP_SHRINKING(State.RESERVED, State.GATED) {
        @Override
        void prepare(AddressSpace space) {
            map(space, 24, 2, RW);
        }

        @Override
        long run(AddressSpace space) {
            return space.mremap(page(16), 10 * PAGE, 8 * PAGE, MOVE | Mman.MREMAP_FIXED, page(64));
        }
    };

    /** The state of a range in flight. */
    enum State {
        /** Nothing changes. */
        UNTOUCHED,
        /** The range is unmapped. */
        RESERVED,
        /** The range's mapping replaced another one, or was moved there, or lost its pages. */
        GATED,
        /** The range's mapping lost rights. */
        NARROWED
    }

    /** One of the two places of a row, for tests that use each place. */
    record Place(RetiringCall row, long first, State state) {
        @Override
        public String toString() {
            return row + " at page " + first;
        }
    }

    static final Geometry LINUX = Geometry.LINUX_X86_64;
    static final long PAGE = LINUX.pageSize();
    static final int RW = Mman.READ | Mman.WRITE;
    static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS;
    static final int FIXED = ANONYMOUS | Mman.FIXED;
    static final int MOVE = Mman.MAYMOVE;

    private static final long PLACE = 0x2000_0000_0000L;

    final State source;
    final State target;

    RetiringCall(State source, State target) {
        this.source = source;
        this.target = target;
    }

    /** Maps what the operation needs in addition to what every space contains. */
    void prepare(AddressSpace space) {}

    /** Performs the operation on pages 16 to 24. Moves go to pages 64 to 72. */
    abstract long run(AddressSpace space);

    /** Returns the places that the operation touches. */
    List<Place> places() {
        Place from = new Place(this, 16, source);
        return target == State.UNTOUCHED ? List.of(from) : List.of(from, new Place(this, 64, target));
    }

    /** Returns whether a range overlaps the places that the operation touches. */
    boolean names(long first, long pages) {
        return places().stream().anyMatch(place -> place.first < first + pages && first < place.first + 8);
    }

    static long page(long number) {
        return PLACE + number * PAGE;
    }

    static void map(AddressSpace space, long first, long pages, int protection) {
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, protection, FIXED, null, 0));
    }

    /** Maps pages of a file, which merge with no other mapping. */
    static void mapFile(AddressSpace space, long first, long pages) {
        int flags = Mman.PRIVATE | Mman.FIXED;
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, RW, flags, OpenFiles.A, first * PAGE));
    }

    /** Creates a space with pages 16 to 24 mapped, a neighbour on each side, and a mapping far away. */
    AddressSpace space(Machine machine) {
        return space(machine.space(LINUX));
    }

    AddressSpace space(AddressSpaceBuilder builder) {
        AddressSpace space = builder.build();
        map(space, 8, 16, RW);
        mapFile(space, 26, 4);
        map(space, 128, 8, RW);
        prepare(space);
        return space;
    }
}
