// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With each strategy, a LAZY CPU switches to another space, or is closed, near the end of a stack. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(12)
final class LazyStackSweepTest {
    /**
     * A LAZY CPU in a space that was closed in the meantime, so the CPU may hold the last reference to the space's page
     * table.
     */
    abstract static class Scene implements StackSweep.Scene {
        private final Machine machine;
        private final AddressSpace left;
        private final AddressSpace next;
        private @Nullable Cpu made;

        Scene(LazyTlb strategy) {
            machine = Machine.builder()
                    .memory(1 << 20)
                    .lazyTlb(strategy)
                    .reportTo(report -> {})
                    .build();
            left = machine.newSpace(Geometry.LINUX_X86_64);
            next = machine.newSpace(Geometry.LINUX_X86_64);
        }

        final Cpu cpu() {
            return Objects.requireNonNull(made);
        }

        @Override
        public final void prepare() {
            made = machine.claimCpu();
            cpu().switchTo(left);
            cpu().enterLazy();
            left.close();
        }

        @Override
        public boolean call() {
            cpu().switchTo(next);
            return true;
        }

        @Override
        public void goOn() {
            int there = cpu().space() == next ? 1 : 0;
            assertEquals(there, next.cpus(), "CPUs in the next space");
            cpu().switchTo(null);
            assertEquals(0, next.cpus(), "CPUs in the next space afterwards");
            assertNothingKept();
            cpu().close();
        }

        final void assertNothingKept() {
            assertEquals(0, layoutOf(left).lifetime.context.holds(), "references to the page table");
        }

        @Override
        public final void judge(@Nullable Throwable thrown) throws Exception {
            next.close();
            machine.awaitQuiescence();
            assertEquals(0, layoutOf(next).lifetime.context.holds(), "references to the page table of the next space");
            assertEquals(List.of(), machine.references());
            assertNull(cpu().space());
            machine.close();
        }
    }

    static final class Counted extends Scene {
        Counted() {
            super(LazyTlb.REFERENCE_COUNT);
        }
    }

    static final class ShotDown extends Scene {
        ShotDown() {
            super(LazyTlb.SHOOTDOWN);
        }
    }

    static final class WithPointer extends Scene {
        WithPointer() {
            super(LazyTlb.HAZARD_POINTER);
        }
    }

    static final class Unloaded extends Scene {
        Unloaded() {
            super(LazyTlb.NONE);
        }
    }

    static final class ClosedCounted extends Scene {
        ClosedCounted() {
            super(LazyTlb.REFERENCE_COUNT);
        }

        @Override
        public boolean call() {
            cpu().close();
            return true;
        }

        @Override
        public void goOn() {
            cpu().close();
            assertNothingKept();
        }
    }

    static final class ClosedWithPointer extends Scene {
        ClosedWithPointer() {
            super(LazyTlb.HAZARD_POINTER);
        }

        @Override
        public boolean call() {
            cpu().close();
            return true;
        }

        @Override
        public void goOn() {
            cpu().close();
            assertNothingKept();
        }
    }

    @ParameterizedTest
    @ValueSource(classes = {ClosedCounted.class, ClosedWithPointer.class})
    @DisplayName("a CPU in LAZY that is closed gives up what it keeps, or the next close does")
    void closed(Class<? extends StackSweep.Scene> scene) throws Exception {
        StackSweep.sweep(scene);
    }

    @ParameterizedTest
    @ValueSource(classes = {Counted.class, ShotDown.class, WithPointer.class, Unloaded.class})
    @DisplayName("from LAZY to another space: no user and no reference is left of which the CPU does not know")
    void elsewhere(Class<? extends StackSweep.Scene> scene) throws Exception {
        StackSweep.sweep(scene);
    }
}
