// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Runs every call with all combinations of critical arguments; each call must return a valid result. */
@Tag("comparison")
@DisplayName("I10: bad numbers give an errno, and leave what Linux leaves")
final class ArgumentMatrixTest {
    /** Whether to run the full product of four arguments, which takes long. */
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");

    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    /** The calls that change nothing when they fail, except that they may split a VMA at an edge. */
    private static final Set<ModelCall.Kind> ALL_OR_NOTHING = Set.of(
            ModelCall.Kind.MMAP,
            ModelCall.Kind.MUNMAP,
            ModelCall.Kind.MSYNC,
            ModelCall.Kind.MSEAL,
            ModelCall.Kind.SHMAT,
            ModelCall.Kind.SHMDT,
            ModelCall.Kind.GROW_STACK);

    /** Returns the calls that create the mappings before each tested call, at the geometry's place. */
    private static List<ModelCall> populate(long place, long page) {
        return List.of(
                mmap(place, 6 * page, FIXED, -1, 0),
                mmap(place + 2 * page, page, Mman.SHARED | Mman.FIXED, 0, 4 * page),
                new ModelCall(ModelCall.Kind.MPROTECT, place + 4 * page, page, 0, 0, 0, Mman.READ, -1),
                mmap(place + 20 * page, 2 * page, FIXED | Mman.GROWSDOWN, -1, 0),
                new ModelCall(ModelCall.Kind.SHMAT, place + 24 * page, 0, 0, 0, 0, 0, 0),
                new ModelCall(ModelCall.Kind.MSEAL, place + 5 * page, page, 0, 0, 0, 0, -1));
    }

    private static ModelCall mmap(long address, long length, int flags, int file, long offset) {
        return new ModelCall(ModelCall.Kind.MMAP, address, length, offset, 0, flags, Mman.READ | Mman.WRITE, file);
    }

    private static long[] numbers(Geometry geometry, long place) {
        long page = geometry.pageSize();
        return new long[] {
            0,
            1,
            page - 1,
            page,
            place,
            place + 2 * page,
            geometry.limit() - page,
            geometry.limit(),
            1L << 47,
            Long.MAX_VALUE,
            Long.MIN_VALUE,
            -place,
            -page,
            -1
        };
    }

    /**
     * Returns the calls: those with up to three numbers with every combination, the one with four numbers with pairs.
     */
    private static List<ModelCall> calls(Geometry geometry, long place) {
        long[] numbers = numbers(geometry, place);
        int rw = Mman.READ | Mman.WRITE;
        int anon = Mman.PRIVATE | Mman.ANONYMOUS;
        List<ModelCall> calls = new ArrayList<>();
        for (long a : numbers) {
            calls.add(new ModelCall(ModelCall.Kind.BRK, a, 0, 0, 0, 0, 0, -1));
            calls.add(new ModelCall(ModelCall.Kind.SHMDT, a, 0, 0, 0, 0, 0, -1));
            calls.add(new ModelCall(ModelCall.Kind.GROW_STACK, a, 0, 0, 0, 0, 0, -1));
            for (int flags : new int[] {0, Mman.RND, Mman.REMAP, Mman.RND | Mman.REMAP}) {
                calls.add(new ModelCall(ModelCall.Kind.SHMAT, a, 0, 0, 0, flags, 0, 1));
            }
            for (long b : numbers) {
                calls.add(new ModelCall(ModelCall.Kind.MUNMAP, a, b, 0, 0, 0, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MPROTECT, a, b, 0, 0, 0, Mman.READ, -1));
                calls.add(new ModelCall(ModelCall.Kind.MPROTECT, a, b, 0, 0, 0, rw | Mman.PROT_GROWSDOWN, -1));
                calls.add(new ModelCall(ModelCall.Kind.MADVISE, a, b, 0, 0, Mman.DONTFORK, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MADVISE, a, b, 0, 0, Mman.POPULATE_READ, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MLOCK, a, b, 0, 0, 0, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MLOCK, a, b, 0, 0, 1, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MUNLOCK, a, b, 0, 0, 0, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MSYNC, a, b, 0, 0, 1, 0, -1));
                calls.add(new ModelCall(ModelCall.Kind.MSYNC, a, b, 0, 0, 2, 0, -1));
                for (long c : numbers) {
                    calls.add(new ModelCall(ModelCall.Kind.MSEAL, a, b, c, 0, 0, 0, -1));
                    for (int flags : new int[] {anon, FIXED, anon | Mman.FIXED_NOREPLACE, anon | Mman.BELOW_2G}) {
                        calls.add(mmap(a, b, flags, -1, c));
                    }
                    calls.add(mmap(a, b, Mman.SHARED, 0, c));
                    calls.add(mmap(a, b, Mman.PRIVATE | Mman.FIXED, 2, c));
                    calls.add(mmap(a, b, Mman.PRIVATE, 3, c));
                }
            }
        }
        for (int flags : new int[] {0, 1, 3, 5, 7}) {
            calls.addAll(mremaps(numbers, place, geometry.pageSize(), flags));
        }
        return calls;
    }

    private static List<ModelCall> mremaps(long[] numbers, long place, long page, int flags) {
        long[] usual = {place, 2 * page, 2 * page, place + 40 * page};
        List<ModelCall> calls = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            for (int j = i + 1; j < 4; j++) {
                for (long a : numbers) {
                    for (long b : numbers) {
                        long[] all = usual.clone();
                        all[i] = a;
                        all[j] = b;
                        calls.add(mremap(all, flags));
                    }
                }
            }
        }
        for (int i = 0; TORTURE && i < numbers.length * numbers.length; i++) {
            for (long c : numbers) {
                for (long d : numbers) {
                    calls.add(
                            mremap(new long[] {numbers[i / numbers.length], numbers[i % numbers.length], c, d}, flags));
                }
            }
        }
        return calls;
    }

    private static ModelCall mremap(long[] numbers, int flags) {
        return new ModelCall(ModelCall.Kind.MREMAP, numbers[0], numbers[1], numbers[2], numbers[3], flags, 0, -1);
    }

    private static List<DynamicTest> byKind(List<ModelCall> calls, Consumer<List<ModelCall>> check) {
        List<DynamicTest> tests = new ArrayList<>();
        for (ModelCall.Kind kind : ModelCall.Kind.values()) {
            List<ModelCall> ofKind = Share.of("arguments of " + kind, 6)
                    .of(calls.stream().filter(call -> call.kind() == kind).toList());
            if (!ofKind.isEmpty()) {
                tests.add(DynamicTest.dynamicTest(kind.toString(), () -> check.accept(ofKind)));
            }
        }
        return tests;
    }

    @TestFactory
    @DisplayName("on an x86-64 space: an answer, a valid layout, and nothing half done")
    List<DynamicTest> answers() {
        long place = 0x1000_0000L;
        List<ModelCall> before = populate(place, 0x1000);
        return byKind(calls(Geometry.LINUX_X86_64, place), calls -> {
            AddressSpace space = populated(before);
            String layout = LayoutText.of(space);
            for (ModelCall call : calls) {
                long result = call.on(space);
                space.validate();
                String after = LayoutText.of(space);
                if (Errno.isError(result)) {
                    assertTrue(Errno.of(result).number() > 0, () -> call + " gave " + result);
                    boolean same = layout.equals(after) || !ALL_OR_NOTHING.contains(call.kind());
                    assertTrue(same || onlyCut(layout, after), () -> call + " gave " + result + " and left " + after);
                } else {
                    assertTrue(isAnswer(call, result), () -> call + " gave " + ModelCall.hex(result));
                }
                if (!layout.equals(after)) {
                    space = populated(before);
                }
            }
        });
    }

    private static AddressSpace populated(List<ModelCall> before) {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        before.forEach(call -> call.on(space));
        assertEquals(7, space.usage().maps());
        return space;
    }

    private static boolean isAnswer(ModelCall call, long result) {
        return switch (call.kind()) {
            case MMAP, MREMAP, SHMAT ->
                Geometry.LINUX_X86_64.isAligned(result)
                        && Long.compareUnsigned(result, Geometry.LINUX_X86_64.limit()) < 0;
            case BRK -> result == call.address() || result == Geometry.LINUX_X86_64.defaultHeap();
            default -> result == 0;
        };
    }

    /**
     * Returns whether only edges were split. Each split adds a line but changes nothing for any page, so the last range
     * ends at the same address.
     */
    private static boolean onlyCut(String before, String after) {
        long more = after.lines().count() - before.lines().count();
        String end = before.substring(before.lastIndexOf('-'));
        return more > 0 && more <= 2 && after.endsWith(end);
    }

    @TestFactory
    @DisplayName("on a small space: as the model says")
    List<DynamicTest> model() {
        Geometry geometry = new Geometry(12, 4, 15, 0x4000, 0x180000, 0x200000);
        long place = 0xc0000;
        Map<Resource, Long> limits = Map.of(Resource.STACK, 0x10000L, Resource.MEMLOCK, 0x20000L);
        ModelSetting setting =
                new ModelSetting(geometry, 65530, 3, -1, Set.of(), limits, false, 0x100000, 0x100000, List.of());
        List<ModelCall> before = populate(place, 0x1000);
        return byKind(calls(geometry, place), calls -> {
            for (ModelCall call : calls) {
                ModelRun run = new ModelRun(setting, null);
                before.forEach(run::step);
                try {
                    run.step(call);
                } catch (RuntimeException | AssertionError e) {
                    throw new AssertionError(call.asJava("space") + ": " + e.getMessage(), e);
                }
            }
        });
    }
}
