// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;

/** Four pages for tests of linearizability: their addresses, their rights, and the number of scenarios. */
public final class FourPages {
    public static final int PAGES = 4;
    public static final int UNMAPPED = -1;
    public static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    public static final long PAGE = GEOMETRY.pageSize();
    public static final long PLACE = 0x2000_0000_0000L;

    /** The address at which tests divide a layout: the middle of the pages. */
    public static final long BORDER = PLACE + PAGES / 2 * PAGE;

    /**
     * The rights of the pages in a divided layout. No two neighbours can be joined. Operations on an outer page find
     * both of its neighbours in the page's own district.
     */
    private static final int[] IN_PARTS = {Mman.READ, Mman.READ | Mman.WRITE, Mman.READ, Mman.READ | Mman.WRITE};

    /** Maps pages with some rights. */
    public interface Mapping {
        /** Maps a range. Returns 0 or the address. */
        long map(long start, long length, int rights);
    }

    /**
     * Five minutes, because Lincheck transforms classes during the first invocations, which takes long on a loaded
     * machine.
     */
    static final long INVOCATION_MILLIS = 300_000;

    private static final int SCALE = Boolean.getBoolean("samara.torture") ? 20 : 1;

    private FourPages() {}

    public static long address(int page) {
        return PLACE + page * PAGE;
    }

    /** Returns the start of the range from one page to another, in either order. */
    public static long start(int one, int other) {
        return address(Math.min(one, other));
    }

    public static long length(int one, int other) {
        return (1 + Math.abs(one - other)) * PAGE;
    }

    public static int rights(@Nullable Vma vma) {
        if (vma == null) {
            return UNMAPPED;
        }
        return (vma.has(VmaFlags.READ) ? Mman.READ : 0) | (vma.has(VmaFlags.WRITE) ? Mman.WRITE : 0);
    }

    /** Returns the rights of all pages of a snapshot. */
    public static String rights(LongFunction<@Nullable Vma> snapshot) {
        int[] rights = new int[PAGES];
        Arrays.setAll(rights, page -> rights(snapshot.apply(address(page))));
        return Arrays.toString(rights);
    }

    /** Maps the pages of a layout that will be divided, and one page on each side with rights that no call requests. */
    public static void mapInParts(Mapping mapping) {
        for (int page = -1; page <= PAGES; page++) {
            int rights = page < 0 || page == PAGES ? Mman.EXEC : IN_PARTS[page];
            long result = mapping.map(address(page), PAGE, rights);
            if (result != 0 && result != address(page)) {
                throw new AssertionError("not mapped: " + result);
            }
        }
    }

    /** Creates a scenario of two threads. */
    static ExecutionScenario beside(List<Actor> one, List<Actor> other) {
        return new ExecutionScenario(List.of(), List.of(one, other), List.of(), null);
    }

    /** Creates a call of a test's operation. */
    static Actor call(Class<?> test, String name, Integer... arguments) {
        return Arrays.stream(test.getMethods())
                .filter(method -> method.getName().equals(name))
                .map(method -> new Actor(method, List.of(arguments)))
                .findAny()
                .orElseThrow();
    }

    /** Compares a test with its specification in interleavings that a model checker generates. */
    public static void modelCheck(Class<?> test, Class<?> specification, ExecutionScenario... more) {
        ModelCheckingOptions options = new ModelCheckingOptions()
                .invocationTimeout$lincheck(INVOCATION_MILLIS)
                .iterations(6 * SCALE)
                .invocationsPerIteration(40)
                .threads(2)
                .actorsPerThread(3)
                // A call first probes its stack recursively; this recursion is not endless.
                .recursionBound(100)
                .sequentialSpecification(specification);
        for (ExecutionScenario scenario : more) {
            options.addCustomScenario(scenario);
        }
        options.check(test);
    }

    /** Compares a test with its specification in interleavings of running threads. */
    public static void stress(Class<?> test, Class<?> specification, ExecutionScenario... more) {
        StressOptions options = new StressOptions()
                .iterations(10 * SCALE)
                .invocationsPerIteration(1000)
                .threads(3)
                .actorsPerThread(3)
                .sequentialSpecification(specification);
        for (ExecutionScenario scenario : more) {
            options.addCustomScenario(scenario);
        }
        options.check(test);
    }

    /** The part of a sequential specification that lookups see. */
    public abstract static class Lookups {
        protected final int[] rights = new int[PAGES];

        protected Lookups() {
            Arrays.fill(rights, UNMAPPED);
        }

        /** Initializes the pages as {@link #mapInParts} does. */
        protected final void beginInParts() {
            System.arraycopy(IN_PARTS, 0, rights, 0, PAGES);
        }

        public int find(int page) {
            return rights[page];
        }

        public int acquire(int page) {
            return rights[page];
        }

        public String snapshot() {
            return Arrays.toString(rights);
        }
    }
}
