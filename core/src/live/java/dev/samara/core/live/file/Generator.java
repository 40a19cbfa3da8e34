// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Places.PAGE;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Chooses random steps, mostly on objects that earlier steps used, and often at edges. A seed always generates the same
 * steps.
 */
final class Generator {
    private static final List<Verb> WEIGHTED = weighted();
    private static final long[] LOW_EDGES = {0, 0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE - 1, 5 * PAGE - 1};
    private static final long[] HIGH_EDGES = {
        (1L << 31) - 1,
        1L << 31,
        (1L << 31) + 1,
        (1L << 32) - PAGE,
        (1L << 32) - 1,
        1L << 32,
        (1L << 32) + PAGE,
        (1L << 44) - 2 * PAGE,
        (1L << 44) - PAGE - 1,
        (1L << 44) - PAGE,
        (1L << 44) - 1,
        1L << 44,
        1L << 62,
        Long.MAX_VALUE - PAGE,
        Long.MAX_VALUE - 1,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -PAGE
    };
    private static final int[] ADVICES = {4, 4, 4, 9, 9, 9, 9, 3, 0, 1, 2, 8, 20, 21, 22, 22, 23, 23, 24, 5, 77};
    private static final int[] LENGTHS = {0, 1, 2, 7, 8, 100, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 3 * PAGE - 1};
    /** One in this many steps starts a fixed sequence. */
    private static final int IDIOMS = 150;

    private static final int[] WIDTHS = {1, 2, 4, 8, 8, 8};

    private final Random random;

    /**
     * Decides which opens are direct. It is a separate generator, so that the other choices of a seed do not depend on
     * it.
     */
    private final Random direct;

    /** Steps that precede the next random choice. */
    private final Deque<Step> planned = new ArrayDeque<>();

    /** The verbs of the last two chosen steps. */
    private Verb last = Verb.MACHINE;

    private Verb earlier = Verb.MACHINE;

    Generator(long seed) {
        random = new Random(seed * 0x9e3779b97f4a7c15L);
        direct = new Random(seed ^ 0x5851f42d4c957f2dL);
    }

    /** Returns the verbs, each repeated according to its weight; the weights are in the order of the verbs. */
    private static List<Verb> weighted() {
        List<Verb> all = new ArrayList<>();
        List<Verb> verbs = List.of(Verb.values());
        int[] weights = {
            0, 9, 3, 8, 10, 5, 5, 2, 4, 6, 2, 1, 9, 2, 3, 12, 14, 9, 6, 3, 3, 3, 1, 1, 1, 1, 1, 1, 3, 4, 3, 5, 1, 1
        };
        for (int i = 0; i < weights.length; i++) {
            Verb verb = verbs.get(i);
            IntStream.range(0, weights[i]).forEach(ignored -> all.add(verb));
        }
        return List.copyOf(all);
    }

    /** Returns the first step of a script. */
    Step machine() {
        int block = pick(new int[] {0, 0, 4, 16});
        int[] limits = block == 0 ? new int[] {0, 0, 64, 24, 16} : new int[] {0, 8 * block, 10 * block};
        return Step.of(
                Verb.MACHINE, pick(limits), random.nextInt(4) == 0 ? 0 : 1, random.nextInt(3) == 0 ? 1 : 0, block);
    }

    /** Returns the next step of a script. */
    Step next(Scene scene, int number) {
        if (planned.isEmpty() && number > 4 && random.nextInt(IDIOMS) == 0) {
            planned.addAll(growthBesideSave(scene));
        }
        Step step = planned.poll();
        return step != null ? step : chosen(scene, number);
    }

    /**
     * Returns steps in which a file grows while its last page is saved. Random choices hardly ever produce them: the
     * buffer must contain bytes of an earlier save at the page's place, and the page must be in the second run.
     */
    private List<Step> growthBesideSave(Scene scene) {
        int slot = slot(scene, Verb.PWRITE);
        long size = scene.sizeAt(slot);
        if (size <= 2 * PAGE || size > Pattern.MOST) {
            return List.of();
        }
        long more = size + 1 + random.nextInt(2 * PAGE);
        return List.of(
                Step.of(Verb.PWRITE, slot, 0, size, random.nextInt(Pattern.SEEDS)),
                Step.of(Verb.FSYNC, slot),
                Step.of(Verb.PWRITE, slot, random.nextInt(PAGE), 1, 0),
                Step.of(Verb.PWRITE, slot, size - 1, 1, 0),
                Step.of(Verb.BESIDE, 1),
                Step.of(Verb.FSYNC, slot),
                random.nextBoolean() ? Step.of(Verb.GROW, slot, more) : Step.of(Verb.PWRITE, slot, more, 1, 0),
                Step.of(Verb.FSYNC, slot));
    }

    private Step chosen(Scene scene, int number) {
        Verb verb = verb(number);
        earlier = last;
        last = verb;
        List<Long> arguments = new ArrayList<>();
        int slot = slot(scene, verb);
        int space = random.nextInt(Places.SPACES);
        int region = region(scene, space, verb);
        long size = size(scene, slot, space, region, verb);
        for (Kind kind : verb.kinds()) {
            arguments.add(argument(kind, verb, size, slot, space, region));
        }
        return new Step(verb, arguments);
    }

    private Verb verb(int number) {
        if (last == Verb.BESIDE || earlier == Verb.BESIDE) {
            Verb[] some = (last == Verb.BESIDE ? Verbs.OUTER : Verbs.INNER)
                    .stream().sorted().toArray(Verb[]::new);
            return some[random.nextInt(some.length)];
        }
        return number < 3 ? Verb.OPEN : number < 5 ? Verb.MMAP : WEIGHTED.get(random.nextInt(WEIGHTED.size()));
    }

    /** Returns a slot, usually one with an open file unless the verb is an open. */
    private int slot(Scene scene, Verb verb) {
        int slot = random.nextInt(Places.SLOTS);
        if (verb == Verb.OPEN || random.nextInt(25) == 0) {
            return slot;
        }
        boolean writes = WRITING.contains(verb) && random.nextInt(15) > 0;
        for (int i = 0; i < Places.SLOTS && (scene.sizeAt(slot) < 0 || (writes && !scene.isWritable(slot))); i++) {
            slot = (slot + 1) % Places.SLOTS;
        }
        return slot;
    }

    private static final Set<Verb> WRITING =
            EnumSet.of(Verb.PWRITE, Verb.APPEND, Verb.TRUNCATE, Verb.GROW, Verb.PUNCH, Verb.MMAP);

    private int region(Scene scene, int space, Verb verb) {
        int region = random.nextInt(Places.REGIONS);
        for (int i = 0; i < Places.REGIONS && verb != Verb.MMAP && !scene.isMapped(space, region); i++) {
            region = (region + 1) % Places.REGIONS;
        }
        return random.nextInt(40) == 0 ? random.nextInt(Places.REGIONS) : region;
    }

    /** Returns the size of a step's file, as an edge for its offsets; for accesses, the size within a region. */
    private static long size(Scene scene, int slot, int space, int region, Verb verb) {
        if (verb.kinds().contains(Kind.REGION) && verb != Verb.MMAP) {
            return scene.mappedBytes(space, region);
        }
        long size = scene.sizeAt(slot);
        return size < 0 ? FIRST_SIZE : size;
    }

    private static final long FIRST_SIZE = 3 * PAGE + 100;

    private long argument(Kind kind, Verb verb, long size, int slot, int space, int region) {
        boolean isRegion = verb.kinds().contains(Kind.REGION);
        return switch (kind) {
            case SLOT -> slot;
            case SPACE -> space;
            case REGION -> region;
            case NAME, TO -> name(verb);
            case MODE -> mode();
            case OFFSET -> verb == Verb.MMAP ? mapOffset(size) : isRegion ? inRegion(verb, size) : offset(verb, size);
            case LENGTH -> isRegion ? inRegionLength(verb) : length(verb, size);
            case SIZE -> offset(verb, size);
            case SEED -> random.nextInt(Pattern.SEEDS);
            case FLAGS -> flags(verb);
            case FIRST -> random.nextInt(Places.PAGES);
            case PAGES ->
                verb == Verb.MMAP && random.nextInt(4) > 0
                        ? Places.PAGES
                        : verb == Verb.MMAP ? random.nextInt(Places.PAGES + 1) : random.nextInt(4);
            case PROTECTION -> random.nextInt(4) > 0 ? 3 : random.nextInt(4);
            case MAPPING -> mapping();
            case WIDTH -> pick(WIDTHS);
            case VALUE -> random.nextInt() & 0x7fff_ffffL;
            case ADVICE -> pick(ADVICES);
            case CALL -> verb == Verb.BESIDE ? pick(new int[] {0, 1, 1, 2}) : pick(new int[] {0, 1, 1, 2, 3});
            case ANNOUNCED -> random.nextInt(3) == 0 ? 0 : 1;
            default -> 0;
        };
    }

    private long mode() {
        int mode = random.nextInt(8) == 0 ? random.nextInt(4) : random.nextInt(4) == 0 ? 0 : 1;
        return direct.nextInt(3) == 0 ? mode + OpenMode.DIRECT : mode;
    }

    private long name(Verb verb) {
        return verb == Verb.OPEN && random.nextInt(12) == 0
                ? random.nextInt(Names.count())
                : random.nextInt(3) > 0 ? 0 : random.nextInt(Names.FILES);
    }

    private int pick(int[] of) {
        return of[random.nextInt(of.length)];
    }

    private long offset(Verb verb, long size) {
        boolean mayBeHigh = !verb.isOther() && random.nextInt(25) == 0;
        if (mayBeHigh) {
            return HIGH_EDGES[random.nextInt(HIGH_EDGES.length)];
        }
        return switch (random.nextInt(6)) {
            case 0 -> LOW_EDGES[random.nextInt(LOW_EDGES.length)];
            case 1, 2 -> near(size);
            case 3 -> near((size + PAGE - 1) / PAGE * PAGE);
            default -> random.nextInt(10 * PAGE);
        };
    }

    /** Returns a number near another number: at least 0, and usually low even if the other number is high. */
    private long near(long number) {
        long near = Math.max(0, number + pick(new int[] {-PAGE, -1, 0, 0, 1, PAGE}));
        return near > 1 << 20 && random.nextInt(3) > 0 ? random.nextInt(4 * PAGE) : near;
    }

    private long length(Verb verb, long size) {
        boolean isRange = verb == Verb.PUNCH || verb == Verb.SYNC_RANGE || verb == Verb.OTHER_PUNCH;
        if (isRange && random.nextInt(12) == 0) {
            return random.nextBoolean() ? HIGH_EDGES[random.nextInt(HIGH_EDGES.length)] : size;
        }
        return random.nextInt(60) == 0
                ? Pattern.MOST - random.nextInt(3)
                : random.nextInt(3) == 0 ? pick(LENGTHS) : 1 + random.nextInt(3 * PAGE);
    }

    private long mapOffset(long size) {
        return switch (random.nextInt(12)) {
            case 0 -> HIGH_EDGES[random.nextInt(HIGH_EDGES.length)] & -PAGE;
            case 1 -> size / PAGE * PAGE;
            case 2 -> Math.max(0, size / PAGE * PAGE - PAGE);
            case 3 -> random.nextInt(3) * (long) PAGE + random.nextInt(2);
            default -> random.nextInt(3) * (long) PAGE;
        };
    }

    /** Returns an offset within a region, usually aligned for calls that require alignment. */
    private long inRegion(Verb verb, long size) {
        boolean isAccess = verb == Verb.LOAD || verb == Verb.STORE;
        long offset = switch (random.nextInt(5)) {
            case 0 -> near(size);
            case 1 -> near((size + PAGE - 1) / PAGE * PAGE);
            case 2 -> LOW_EDGES[random.nextInt(LOW_EDGES.length)];
            default -> random.nextInt(Places.PAGES * PAGE);
        };
        offset = offset > Places.PAGES * PAGE || (offset == Places.PAGES * PAGE && random.nextInt(4) > 0)
                ? random.nextInt(Places.PAGES * PAGE)
                : offset;
        return isAccess || random.nextInt(20) == 0 ? offset : offset & -PAGE;
    }

    private long inRegionLength(Verb verb) {
        return verb == Verb.MSYNC && random.nextInt(3) == 0
                ? Places.PAGES * PAGE
                : random.nextInt(5) == 0 ? random.nextInt(3 * PAGE) : (1 + random.nextInt(4)) * (long) PAGE;
    }

    private long flags(Verb verb) {
        return random.nextInt(12) == 0
                ? random.nextInt(16)
                : verb == Verb.MSYNC ? pick(new int[] {4, 4, 4, 1, 2, 6, 0}) : random.nextInt(8);
    }

    private long mapping() {
        return random.nextInt(10) == 0
                ? pick(new int[] {0, 3, 0x8001, 0x8002, 0x2001, 0x10_0001, 0x0f})
                : random.nextInt(3) == 0 ? 2 : 1;
    }
}
