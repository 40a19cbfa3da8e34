// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * An address space divided into lots of 256 pages, and one writer. Each lot begins with a stone, a mapping of one page
 * that is never touched; the rest belongs to an actor, who changes it by single calls, each of which keeps the actor's
 * rule. So a reader can tell whether what it sees may be there.
 */
final class Lots {
    static final int PAGE_SHIFT = 12;
    static final int COUNT = 24;
    static final int PAGES = 256;

    /** Where the area of an actor begins in its lot, and how long it is where its length is fixed. */
    static final int FIRST = 20;

    static final int AREA = 40;

    /** The end of a stack in its lot, and how much of it is always there. */
    static final int TOP = 240;

    static final int SMALLEST_STACK = 2;

    private static final long PAGE = 1L << PAGE_SHIFT;
    private static final long BASE = 0x10_0000_0000L;
    private static final int HALF = COUNT / 2;
    private static final int LARGEST_STACK = 60;
    private static final int LARGEST_HEAP = 60;
    private static final int MOST_PLACED = 24;

    private static final int READ = Protection.READ;
    private static final int[] MIRRORED_RIGHTS = {
        Protection.NONE, READ, Protection.WRITE, READ | Protection.WRITE,
    };
    private static final int SHARED = MapFlags.SHARED | MapFlags.FIXED;
    private static final int ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int MOVE_TO = RemapFlags.MAYMOVE | RemapFlags.FIXED;

    /** The pages of a moved area: five mappings with holes between them. */
    private static final String MOVED_SHAPE = "##.####.#.########.#";

    static final int MAPPED_PAGES =
            (int) MOVED_SHAPE.chars().filter(page -> page == '#').count();

    /** Who uses a lot. */
    enum Actor {
        /** An area of five mappings, replaced at once by one with the next number; its rights are changed after. */
        REPLACED,
        /** An area whose rights change, to both sides of its middle alike. */
        MIRRORED,
        /** Several mappings with holes between them, moved all at once to the partner, a lot far away, and back. */
        MOVED,
        /** A locked stack that grows down to where it is touched, and is cut. */
        GROWING,
        /** Executable memory, mapped and unmapped anyhow; the only kind that is placed outside the lots too. */
        NOISY,
        /** The heap, in the last lot only; elsewhere noise. */
        HEAP;

        static Actor of(int lot) {
            Actor actor = values()[lot % HALF % values().length];
            return actor == HEAP && lot != COUNT - 1 ? NOISY : actor;
        }
    }

    /** Pages that are counted as neither executable nor stack nor data: stones, and shared memory of a fixed size. */
    static final long UNCHANGING_PAGES = unchangingPages();

    /**
     * One open of a file that says where it may be mapped.
     *
     * @param lot the lot
     * @param number rises with each replacement
     */
    record Deed(int lot, long number) implements Backing {
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
            return 1L + lot;
        }

        @Override
        public String name() {
            return "/deed";
        }
    }

    private final AddressSpace space;
    private final List<Vma> stones = new ArrayList<>();

    // Known to the writer alone.
    private final boolean[] moved = new boolean[COUNT];
    private final int[] stackPages = new int[COUNT];
    private final Deed[] deeds = new Deed[COUNT];
    private final ArrayDeque<Long> placed = new ArrayDeque<>();

    Lots() {
        long heap = address(COUNT - 1, FIRST);
        space = Machine.builder()
                .stackGuardGap(4)
                .build()
                .space(Geometry.LINUX_X86_64)
                .grant(Capability.IPC_LOCK)
                .limit(Resource.STACK, 1L << 30)
                .heap(heap, heap)
                .build();
        for (int lot = 0; lot < COUNT; lot++) {
            map(lot, 0, 1, READ, new Deed(lot, -1), 0);
            Vma stone = space.find(address(lot, 0));
            if (stone == null) {
                throw new AssertionError("nothing mapped at lot " + lot);
            }
            stones.add(stone);
            prepare(lot);
        }
    }

    private void prepare(int lot) {
        deeds[lot] = new Deed(lot, 0);
        switch (Actor.of(lot)) {
            case REPLACED, MIRRORED -> map(lot, FIRST, AREA, READ, deeds[lot], 0);
            case MOVED -> {
                for (int page = 0; lot < HALF && page < MOVED_SHAPE.length(); page++) {
                    if (isMapped(page)) {
                        map(lot, FIRST + page, 1, READ, deeds[lot], page);
                    }
                }
            }
            case GROWING -> {
                int start = TOP - SMALLEST_STACK;
                long address = address(lot, start);
                int kind = ANONYMOUS | MapFlags.FIXED | MapFlags.GROWSDOWN | MapFlags.LOCKED;
                call(space.mmap(address, SMALLEST_STACK * PAGE, READ | Protection.WRITE, kind, null, 0));
                stackPages[lot] = SMALLEST_STACK;
            }
            case NOISY, HEAP -> {}
        }
    }

    AddressSpace space() {
        return space;
    }

    Vma stone(int lot) {
        return stones.get(lot);
    }

    static long address(int lot, int page) {
        return BASE + (((long) lot * PAGES + page) << PAGE_SHIFT);
    }

    /** The lot of an address, or -1 for none. */
    static int lotOf(long address) {
        long lot = Math.floorDiv(address - BASE, PAGES * PAGE);
        return lot >= 0 && lot < COUNT ? (int) lot : -1;
    }

    static int pageInLot(long address) {
        return Math.floorMod((address - BASE) >> PAGE_SHIFT, PAGES);
    }

    static int partner(int lot) {
        return (lot + HALF) % COUNT;
    }

    /** Whether a page of a moved area is mapped, on whichever side the area is now. */
    static boolean isMapped(int page) {
        return page >= 0 && page < MOVED_SHAPE.length() && MOVED_SHAPE.charAt(page) == '#';
    }

    static boolean isAlwaysMapped(int lot, int page) {
        return switch (Actor.of(lot)) {
            case REPLACED, MIRRORED -> page >= FIRST && page < FIRST + AREA;
            case GROWING -> page >= TOP - SMALLEST_STACK && page < TOP;
            case MOVED, NOISY, HEAP -> false;
        };
    }

    private static long unchangingPages() {
        long pages = COUNT;
        for (int lot = 0; lot < COUNT; lot++) {
            pages += switch (Actor.of(lot)) {
                case REPLACED, MIRRORED -> AREA;
                case MOVED -> lot < HALF ? MAPPED_PAGES : 0;
                case GROWING, NOISY, HEAP -> 0;
            };
        }
        return pages;
    }

    /** Lets one actor act. */
    void step(Random random) {
        int lot = random.nextInt(COUNT);
        switch (Actor.of(lot)) {
            case REPLACED -> replace(lot, random);
            case MIRRORED -> mirror(lot, random);
            case MOVED -> move(Math.min(lot, partner(lot)));
            case GROWING -> grow(lot, random);
            case NOISY -> makeNoise(lot, random);
            case HEAP -> {
                long end = address(lot, FIRST) + random.nextInt(LARGEST_HEAP) * PAGE;
                assertEquals(end, space.brk(end));
            }
        }
    }

    /** Makes five mappings by changes of rights, then puts one in place of several: of all, or inside of its like. */
    private void replace(int lot, Random random) {
        int each = AREA / 5;
        call(space.mprotect(address(lot, FIRST + each), each * PAGE, READ | Protection.WRITE));
        call(space.mprotect(address(lot, FIRST + 3 * each), each * PAGE, Protection.NONE));
        int rights = random.nextBoolean() ? READ : READ | Protection.WRITE;
        int skipped = random.nextInt(3) == 0 ? 1 + random.nextInt(AREA / 2 - 1) : 0;
        if (skipped == 0) {
            deeds[lot] = new Deed(lot, deeds[lot].number() + 1);
        }
        map(lot, FIRST + skipped, AREA - 2 * skipped, rights, deeds[lot], skipped);
    }

    private void mirror(int lot, Random random) {
        int half = 1 + random.nextInt(AREA / 2);
        int rights = MIRRORED_RIGHTS[random.nextInt(MIRRORED_RIGHTS.length)];
        call(space.mprotect(address(lot, FIRST + AREA / 2 - half), 2L * half * PAGE, rights));
    }

    private void move(int lot) {
        long here = address(lot, FIRST);
        long there = address(partner(lot), FIRST);
        long length = MOVED_SHAPE.length() * PAGE;
        call(space.mremap(moved[lot] ? there : here, length, length, MOVE_TO, moved[lot] ? here : there));
        moved[lot] = !moved[lot];
    }

    private void grow(int lot, Random random) {
        int pages = stackPages[lot] + 1 + random.nextInt(8);
        if (pages <= LARGEST_STACK) {
            call(space.growStack(address(lot, TOP - pages) + random.nextInt((int) PAGE)));
        } else {
            pages = SMALLEST_STACK + random.nextInt(8);
            int cut = stackPages[lot] - pages;
            call(space.munmap(address(lot, TOP - stackPages[lot]), cut * PAGE));
        }
        stackPages[lot] = pages;
    }

    private void makeNoise(int lot, Random random) {
        int page = 1 + random.nextInt(PAGES - 30);
        int pages = 1 + random.nextInt(28);
        int rights = Protection.EXEC | (random.nextBoolean() ? READ : 0);
        switch (random.nextInt(6)) {
            case 0, 1 ->
                call(space.mmap(address(lot, page), pages * PAGE, rights, ANONYMOUS | MapFlags.FIXED, null, 0));
            case 2 -> call(space.munmap(address(lot, page), pages * PAGE));
            case 3 -> call(space.munmap(address(lot, 1), (PAGES - 1) * PAGE));
            case 4 -> {
                // Stops at the first hole, as it may.
                long result = space.mprotect(address(lot, page), pages * PAGE, rights);
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

    private void map(int lot, int page, int pages, int rights, Deed deed, int offset) {
        long address = address(lot, page);
        assertEquals(address, space.mmap(address, pages * PAGE, rights, SHARED, deed, offset * PAGE));
    }

    private static long call(long result) {
        if (Errno.isError(result)) {
            throw new AssertionError("a call of the writer failed: " + Errno.of(result));
        }
        return result;
    }
}
