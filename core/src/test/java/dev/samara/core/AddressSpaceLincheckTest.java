// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongFunction;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * I6: calls of two or three threads on four pages of one space: is there an order of them that explains all answers?
 * Rights are bits of {@link Protection}, and 0 a mapping without any.
 */
@DisplayName("I6: a space is linearizable")
@Tag("lincheck")
@Param(name = "page", gen = IntGen.class, conf = "0:3")
@Param(name = "rights", gen = IntGen.class, conf = "0:3")
public class AddressSpaceLincheckTest {
    private static final int SCALE = Boolean.getBoolean("samara.torture") ? 20 : 1;
    private static final int PAGES = 4;
    private static final int UNMAPPED = -1;
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int NOREPLACE = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED_NOREPLACE;

    /** With a lock that parks at once: for a model checker, a spin that ends by the clock never ends. */
    private final AddressSpace space =
            Machine.builder().locks(ReentrantLock::new).build().newSpace(Geometry.LINUX_X86_64);

    private static long address(int page) {
        return PLACE + page * PAGE;
    }

    private static long start(int one, int other) {
        return address(Math.min(one, other));
    }

    private static long length(int one, int other) {
        return (1 + Math.abs(one - other)) * PAGE;
    }

    private static int rights(@Nullable Vma vma) {
        if (vma == null) {
            return UNMAPPED;
        }
        return (vma.has(VmaFlags.READ) ? Protection.READ : 0) | (vma.has(VmaFlags.WRITE) ? Protection.WRITE : 0);
    }

    /** Where the mapping begins is no part of the model. */
    private static long status(long result) {
        return Math.min(result, 0);
    }

    @Operation
    public long map(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return status(space.mmap(start(one, other), length(one, other), rights, FIXED, null, 0));
    }

    @Operation
    public long mapIfFree(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return status(space.mmap(start(one, other), length(one, other), rights, NOREPLACE, null, 0));
    }

    @Operation
    public long unmap(@Param(name = "page") int one, @Param(name = "page") int other) {
        return space.munmap(start(one, other), length(one, other));
    }

    @Operation
    public long protect(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return space.mprotect(start(one, other), length(one, other), rights);
    }

    @Operation
    public int find(@Param(name = "page") int page) {
        return rights(space.find(address(page)));
    }

    /** A keep, and its release. */
    @Operation
    public int keep(@Param(name = "page") int page) {
        try (VmaRef kept = space.keep(address(page))) {
            return rights(kept == null ? null : kept.vma());
        }
    }

    @Operation
    public String snapshot() {
        LongFunction<@Nullable Vma> snapshot = space.snapshot()::find;
        int[] rights = new int[PAGES];
        Arrays.setAll(rights, page -> rights(snapshot.apply(address(page))));
        return Arrays.toString(rights);
    }

    @Test
    @DisplayName("in interleavings made by a model checker")
    void modelChecked() {
        new ModelCheckingOptions()
                .iterations(6 * SCALE)
                .invocationsPerIteration(40)
                .threads(2)
                .actorsPerThread(3)
                // A call looks for the end of its stack first, which is no endless recursion.
                .recursionBound(100)
                .sequentialSpecification(Pages.class)
                .check(AddressSpaceLincheckTest.class);
    }

    @Test
    @DisplayName("in interleavings of running threads")
    void stressed() {
        new StressOptions()
                .iterations(10 * SCALE)
                .invocationsPerIteration(1000)
                .threads(3)
                .actorsPerThread(3)
                .sequentialSpecification(Pages.class)
                .check(AddressSpaceLincheckTest.class);
    }

    /**
     * The sequential specification: the space's calls on an array, where each takes effect at one instant. An unmapping
     * has a second instant, at which its pages can be allocated again. None of these calls can tell the two apart: a
     * call that names pages of a range in flight waits for the second. {@code PhasesLincheckTest} has both instants.
     */
    public static final class Pages {
        /** What lookups see. */
        private final int[] rights = new int[PAGES];

        public Pages() {
            Arrays.fill(rights, UNMAPPED);
        }

        private long fill(int one, int other, int value) {
            Arrays.fill(rights, Math.min(one, other), Math.max(one, other) + 1, value);
            return 0;
        }

        /** What placement sees. */
        private boolean isFree(int page) {
            return rights[page] == UNMAPPED;
        }

        public long map(int one, int other, int value) {
            return fill(one, other, value);
        }

        public long mapIfFree(int one, int other, int value) {
            for (int page = Math.min(one, other); page <= Math.max(one, other); page++) {
                if (!isFree(page)) {
                    return Errno.EEXIST.result();
                }
            }
            return fill(one, other, value);
        }

        public long unmap(int one, int other) {
            return fill(one, other, UNMAPPED);
        }

        /** Changes what lies before a hole. */
        public long protect(int one, int other, int value) {
            for (int page = Math.min(one, other); page <= Math.max(one, other); page++) {
                if (rights[page] == UNMAPPED) {
                    return Errno.ENOMEM.result();
                }
                rights[page] = value;
            }
            return 0;
        }

        public int find(int page) {
            return rights[page];
        }

        public int keep(int page) {
            return rights[page];
        }

        public String snapshot() {
            return Arrays.toString(rights);
        }
    }
}
