// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import static dev.samara.core.lincheck.FourPages.UNMAPPED;
import static dev.samara.core.lincheck.FourPages.address;
import static dev.samara.core.lincheck.FourPages.length;
import static dev.samara.core.lincheck.FourPages.rights;
import static dev.samara.core.lincheck.FourPages.start;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.testing.Explored;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * I6: calls of two or three threads on four pages of one space: some order of the calls must explain all results.
 * Rights are {@code PROT_*} bits of {@link Mman}; 0 is a mapping without rights.
 */
@DisplayName("I6: a space is linearizable")
@Tag("lincheck")
@Param(name = "page", gen = IntGen.class, conf = "0:3")
@Param(name = "rights", gen = IntGen.class, conf = "0:3")
@Explored(32)
public class AddressSpaceLincheckTest {
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int NOREPLACE = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED_NOREPLACE;

    /** Its lock parks immediately, because a spin that ends by the clock never ends in a model checker. */
    final AddressSpace space = MachineInternals.withLocks(Machine.builder().build(), ReentrantLock::new)
            .newSpace(FourPages.GEOMETRY);

    /** Returns the space for a call that changes it. */
    AddressSpace toChange() {
        return space;
    }

    /** Reduces an address to 0: the model does not contain the start of a mapping. */
    private static long status(long result) {
        return Math.min(result, 0);
    }

    @Operation
    public long map(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return status(toChange().mmap(start(one, other), length(one, other), rights, FIXED, null, 0));
    }

    @Operation
    public long mapIfFree(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return status(toChange().mmap(start(one, other), length(one, other), rights, NOREPLACE, null, 0));
    }

    @Operation
    public long unmap(@Param(name = "page") int one, @Param(name = "page") int other) {
        return toChange().munmap(start(one, other), length(one, other));
    }

    @Operation
    public long protect(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return toChange().mprotect(start(one, other), length(one, other), rights);
    }

    @Operation
    public int find(@Param(name = "page") int page) {
        return rights(space.find(address(page)));
    }

    /** Acquires a reference and releases it. */
    @Operation
    public int acquire(@Param(name = "page") int page) {
        try (VmaRef reference = space.acquire(address(page))) {
            return rights(reference == null ? null : reference.vma());
        }
    }

    @Operation
    public String snapshot() {
        return rights(space.snapshot()::find);
    }

    @Test
    @Tag("model")
    @DisplayName("in interleavings made by a model checker")
    void modelChecked() {
        FourPages.modelCheck(getClass(), specification(), scenarios());
    }

    @Test
    @DisplayName("in interleavings of running threads")
    void stressed() {
        FourPages.stress(getClass(), specification(), scenarios());
    }

    Class<? extends Pages> specification() {
        return Pages.class;
    }

    /** Returns the scenarios to run before those that Lincheck generates. */
    ExecutionScenario[] scenarios() {
        return new ExecutionScenario[0];
    }

    /**
     * The sequential specification: the space's calls on an array, where each call takes effect at one instant. An
     * unmapping has a second instant, from which its pages can be allocated again. None of these calls can distinguish
     * the two, because a call that names pages of a range in flight waits for the second instant. {@code
     * PhasesLincheckTest} tests both instants.
     */
    public static class Pages extends FourPages.Lookups {
        private long fill(int one, int other, int value) {
            Arrays.fill(rights, Math.min(one, other), Math.max(one, other) + 1, value);
            return 0;
        }

        /** Returns whether placement finds a page free. */
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

        /** Changes the pages up to the first hole. */
        public long protect(int one, int other, int value) {
            for (int page = Math.min(one, other); page <= Math.max(one, other); page++) {
                if (rights[page] == UNMAPPED) {
                    return Errno.ENOMEM.result();
                }
                rights[page] = value;
            }
            return 0;
        }
    }
}
