// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * An address space divided into regions of 256 pages, and one writer. Each region starts with a marker, a mapping of
 * one page that never changes. The rest belongs to an actor, which changes it with single calls, each of which
 * preserves the actor's rule. So a reader can check each VMA that it sees.
 */
final class RegionWriter {
    static final int PAGE_SHIFT = 12;
    static final int COUNT = 24;
    static final int PAGES = 256;

    /** The start of an actor's area in its region, and its length if the length is fixed. */
    static final int FIRST = 20;

    static final int AREA = 40;

    /** The end of a stack in its region, and its minimum size. */
    static final int TOP = 240;

    static final int SMALLEST_STACK = 2;

    private static final long PAGE = 1L << PAGE_SHIFT;
    private static final long BASE = 0x10_0000_0000L;
    private static final int HALF = COUNT / 2;
    private static final int LARGEST_STACK = 60;
    private static final int LARGEST_HEAP = 60;
    private static final int MOST_PLACED = 24;

    private static final int READ = Mman.READ;
    private static final int[] MIRRORED_RIGHTS = {
        Mman.NONE, READ, Mman.WRITE, READ | Mman.WRITE,
    };
    private static final int SHARED = Mman.SHARED | Mman.FIXED;
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** The pages of a moved area: five mappings with holes between them. */
    private static final String MOVED_SHAPE = "##.####.#.########.#";

    static final int MAPPED_PAGES =
            (int) MOVED_SHAPE.chars().filter(page -> page == '#').count();

    /** The user of a region. */
    enum Actor {
        /**
         * An area of five mappings, which one call replaces by a mapping with the next number, whose rights are changed
         * later.
         */
        REPLACED,
        /** An area whose rights and advice change symmetrically about its middle. */
        MIRRORED,
        /**
         * Several mappings with holes between them, which single calls move to the partner, a region far away, and
         * back.
         */
        MOVED,
        /** A locked stack that grows down to accessed addresses, and is shortened. */
        GROWING,
        /**
         * Executable memory, mapped and unmapped arbitrarily; the only kind that is also placed outside the regions.
         */
        NOISY,
        /** The heap, in the last region only; elsewhere noise. */
        HEAP;

        static Actor of(int region) {
            Actor actor = values()[region % HALF % values().length];
            return actor == HEAP && region != COUNT - 1 ? NOISY : actor;
        }
    }

    /**
     * The number of pages that are counted as neither executable nor stack nor data: markers, and shared memory of a
     * fixed size.
     */
    static final long UNCHANGING_PAGES = unchangingPages();

    /**
     * One open of a file that records where it may be mapped.
     *
     * @param region the region
     * @param number incremented with each replacement
     */
    record RegionFile(int region, long number) implements Backing {
        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 1L + region;
        }

        @Override
        public String name() {
            return "/file";
        }
    }

    private final AddressSpace space;
    private final List<Vma> markers = new ArrayList<>();

    // Known only to the writer.
    private final boolean[] moved = new boolean[COUNT];
    private final int[] stackPages = new int[COUNT];
    private final RegionFile[] files = new RegionFile[COUNT];
    private final ArrayDeque<Long> placed = new ArrayDeque<>();

    RegionWriter() {
        long heap = address(COUNT - 1, FIRST);
        space = Machine.builder()
                .stackGuardGap(4)
                .build()
                .space(Geometry.LINUX_X86_64)
                .grant(Capability.IPC_LOCK)
                .limit(Resource.STACK, 1L << 30)
                .heap(heap, heap)
                .build();
        for (int region = 0; region < COUNT; region++) {
            map(region, 0, 1, READ, new RegionFile(region, -1), 0);
            Vma marker = space.find(address(region, 0));
            if (marker == null) {
                throw new AssertionError("nothing mapped at region " + region);
            }
            markers.add(marker);
            prepare(region);
        }
    }

    private void prepare(int region) {
        files[region] = new RegionFile(region, 0);
        switch (Actor.of(region)) {
            case REPLACED, MIRRORED -> map(region, FIRST, AREA, READ, files[region], 0);
            case MOVED -> {
                for (int page = 0; region < HALF && page < MOVED_SHAPE.length(); page++) {
                    if (isMapped(page)) {
                        map(region, FIRST + page, 1, READ, files[region], page);
                    }
                }
            }
            case GROWING -> {
                int start = TOP - SMALLEST_STACK;
                long address = address(region, start);
                int kind = ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN | Mman.LOCKED;
                call(space.mmap(address, SMALLEST_STACK * PAGE, READ | Mman.WRITE, kind, null, 0));
                stackPages[region] = SMALLEST_STACK;
            }
            case NOISY, HEAP -> {}
        }
    }

    AddressSpace space() {
        return space;
    }

    Vma marker(int region) {
        return markers.get(region);
    }

    static long address(int region, int page) {
        return BASE + (((long) region * PAGES + page) << PAGE_SHIFT);
    }

    /** Returns the region of an address, or -1 if it is in no region. */
    static int regionOf(long address) {
        long region = Math.floorDiv(address - BASE, PAGES * PAGE);
        return region >= 0 && region < COUNT ? (int) region : -1;
    }

    static int pageInRegion(long address) {
        return Math.floorMod((address - BASE) >> PAGE_SHIFT, PAGES);
    }

    static int partner(int region) {
        return (region + HALF) % COUNT;
    }

    /** Returns whether a page of a moved area is mapped, in whichever region the area currently is. */
    static boolean isMapped(int page) {
        return page >= 0 && page < MOVED_SHAPE.length() && MOVED_SHAPE.charAt(page) == '#';
    }

    static boolean isAlwaysMapped(int region, int page) {
        return switch (Actor.of(region)) {
            case REPLACED, MIRRORED -> page >= FIRST && page < FIRST + AREA;
            case GROWING -> page >= TOP - SMALLEST_STACK && page < TOP;
            case MOVED, NOISY, HEAP -> false;
        };
    }

    private static long unchangingPages() {
        long pages = COUNT;
        for (int region = 0; region < COUNT; region++) {
            pages += switch (Actor.of(region)) {
                case REPLACED, MIRRORED -> AREA;
                case MOVED -> region < HALF ? MAPPED_PAGES : 0;
                case GROWING, NOISY, HEAP -> 0;
            };
        }
        return pages;
    }

    /** Lets one actor act. */
    void step(Random random) {
        int region = random.nextInt(COUNT);
        switch (Actor.of(region)) {
            case REPLACED -> replace(region, random);
            case MIRRORED -> mirror(region, random);
            case MOVED -> move(Math.min(region, partner(region)));
            case GROWING -> grow(region, random);
            case NOISY -> makeNoise(region, random);
            case HEAP -> {
                long end = address(region, FIRST) + random.nextInt(LARGEST_HEAP) * PAGE;
                assertEquals(end, call(space.brk(end)));
            }
        }
    }

    /**
     * Creates five mappings with changes of rights. Then replaces several mappings by one: all of them, or the middle
     * ones by a mapping of the same file.
     */
    private void replace(int region, Random random) {
        int each = AREA / 5;
        call(space.mprotect(address(region, FIRST + each), each * PAGE, READ | Mman.WRITE));
        call(space.mprotect(address(region, FIRST + 3 * each), each * PAGE, Mman.NONE));
        int rights = random.nextBoolean() ? READ : READ | Mman.WRITE;
        int skipped = random.nextInt(3) == 0 ? 1 + random.nextInt(AREA / 2 - 1) : 0;
        if (skipped == 0) {
            files[region] = new RegionFile(region, files[region].number() + 1);
        }
        map(region, FIRST + skipped, AREA - 2 * skipped, rights, files[region], skipped);
    }

    private void mirror(int region, Random random) {
        int half = 1 + random.nextInt(AREA / 2);
        long start = address(region, FIRST + AREA / 2 - half);
        if (random.nextInt(4) == 0) {
            int advice = random.nextBoolean() ? Mman.DONTFORK : Mman.DOFORK;
            call(space.madvise(start, 2L * half * PAGE, advice));
        } else {
            int rights = MIRRORED_RIGHTS[random.nextInt(MIRRORED_RIGHTS.length)];
            call(space.mprotect(start, 2L * half * PAGE, rights));
        }
    }

    private void move(int region) {
        long here = address(region, FIRST);
        long there = address(partner(region), FIRST);
        long length = MOVED_SHAPE.length() * PAGE;
        call(space.mremap(moved[region] ? there : here, length, length, MOVE_TO, moved[region] ? here : there));
        moved[region] = !moved[region];
    }

    private void grow(int region, Random random) {
        int pages = stackPages[region] + 1 + random.nextInt(8);
        if (pages <= LARGEST_STACK) {
            call(space.growStack(address(region, TOP - pages) + random.nextInt((int) PAGE)));
        } else {
            pages = SMALLEST_STACK + random.nextInt(8);
            int cut = stackPages[region] - pages;
            call(space.munmap(address(region, TOP - stackPages[region]), cut * PAGE));
        }
        stackPages[region] = pages;
    }

    private void makeNoise(int region, Random random) {
        int page = 1 + random.nextInt(PAGES - 30);
        int pages = 1 + random.nextInt(28);
        int rights = Mman.EXEC | (random.nextBoolean() ? READ : 0);
        switch (random.nextInt(6)) {
            case 0, 1 -> call(space.mmap(address(region, page), pages * PAGE, rights, ANONYMOUS | Mman.FIXED, null, 0));
            case 2 -> call(space.munmap(address(region, page), pages * PAGE));
            case 3 -> call(space.munmap(address(region, 1), (PAGES - 1) * PAGE));
            case 4 -> {
                // The call stops at the first hole, which is allowed.
                long result = space.mprotect(address(region, page), pages * PAGE, rights);
                assertEquals(result == 0 ? 0 : Errno.ENOMEM.result(), result);
            }
            default -> {
                placed.add(call(space.mmap(0, PAGE, rights, ANONYMOUS, null, 0)));
                if (placed.size() > MOST_PLACED) {
                    call(space.munmap(placed.remove(), PAGE));
                }
            }
        }
    }

    private void map(int region, int page, int pages, int rights, RegionFile file, int offset) {
        long address = address(region, page);
        assertEquals(address, call(space.mmap(address, pages * PAGE, rights, SHARED, file, offset * PAGE)));
    }

    private long call(long result) {
        if (Errno.isError(result)) {
            throw new AssertionError("a call of the writer failed: " + Errno.of(result));
        }
        return result;
    }
}
