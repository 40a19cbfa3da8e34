// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Creates or leaves a space, or acquires or releases references to it, near the end of a stack. Afterwards no count
 * remains that no object accounts for, and no teardown remains to be started.
 */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(12)
final class SpaceStackSweepTest {
    /** Creates a space; if that fails, no reference to the space is left. */
    static final class NewSpace extends StackSweepTest.Scene {
        @Nullable
        AddressSpace made;

        @Override
        public boolean call() {
            made = machine.newSpace(Geometry.LINUX_X86_64);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            if (made != null) {
                made.close();
            }
            super.judge(thrown);
            assertNoSpace();
            machine.close();
        }
    }

    @Test
    @DisplayName("a new space")
    void newSpace() throws Exception {
        StackSweep.sweep(NewSpace.class);
    }

    /** A space with references of all kinds. Once all are closed, nothing of the space is left. */
    abstract static class ReferenceScene extends StackSweepTest.Scene {
        final SpaceIdentity identity = space.grab();
        private final List<AutoCloseable> taken = new ArrayList<>(List.of(identity));

        ReferenceScene() {
            identity.attach(this);
        }

        final void take() {
            taken.add(space.get());
            taken.add(space.hold());
            taken.add(space.grab());
        }

        final void closeAll() throws Exception {
            for (AutoCloseable reference : taken) {
                reference.close();
            }
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertMetBefore(thrown);
            closeAll();
            assertEquals(1, space.users());
            super.judge(thrown);
            assertNoSpace();
            assertEquals(0, layoutOf(space).lifetime.context.holds(), "references to the page table");
            assertNull(identity.attachment(), "a reference to the identity is left");
        }
    }

    static final class Taken extends ReferenceScene {
        @Override
        public boolean call() {
            take();
            return true;
        }
    }

    @Test
    @DisplayName("references to a space are taken, or not")
    void taken() throws Exception {
        StackSweep.sweep(Taken.class);
    }

    static final class GivenUp extends ReferenceScene {
        private final PageTableRef held = space.hold();
        private final SpaceIdentity grabbed = space.grab();

        @Override
        public boolean call() {
            grabbed.close();
            held.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            // Again, in case the call was refused at the end of the stack.
            held.close();
            grabbed.close();
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("references to a space are given up, or not")
    void givenUp() throws Exception {
        StackSweep.sweep(GivenUp.class);
    }

    /** The last user of a space leaves it; then the space is torn down, or the CPU did not leave. */
    abstract static class LastUser implements StackSweep.Scene {
        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        private final long at = space.mmap(0, SpaceFixture.PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
        private @Nullable Cpu claimed;

        final Cpu cpu() {
            return Objects.requireNonNull(claimed, "no CPU");
        }

        @Override
        public final void prepare() {
            claimed = machine.claimCpu();
            enter(space);
            assertEquals(Fault.NONE, cpu().memory().store(at, 8, 1));
            space.close();
        }

        void enter(AddressSpace next) {
            cpu().switchTo(next);
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            // The CPU's thread is alive, so no other thread takes the CPU offline.
            machine.awaitQuiescence();
            StackSweepTest.Scene.assertMetBefore(thrown);
            int users = thrown == null ? 0 : 1;
            assertEquals(users, space.users());
            assertEquals(users, space.cpus());
            assertEquals(users, machine.statistics().framesInUse(), "frames in use");
            assertEquals(users == 0 ? 0 : SpaceFixture.PAGE, machine.committed(), "committed");
        }
    }

    static final class LastIsLazy extends LastUser {
        @Override
        public boolean call() {
            cpu().enterLazy();
            return true;
        }
    }

    static final class LastGoesElsewhere extends LastUser {
        @Override
        public boolean call() {
            cpu().switchTo(null);
            return true;
        }
    }

    /** Ends a borrow. */
    static final class LastBorrower extends LastUser {
        private @Nullable BorrowedSpace borrowed;

        @Override
        void enter(AddressSpace next) {
            borrowed = cpu().use(next, () -> {});
        }

        @Override
        public boolean call() {
            Objects.requireNonNull(borrowed).close();
            return true;
        }
    }

    @ParameterizedTest
    @ValueSource(classes = {LastIsLazy.class, LastGoesElsewhere.class, LastBorrower.class})
    @DisplayName("the last user leaves a space, which is torn down, or it stays")
    void lastUser(Class<? extends LastUser> scene) throws Exception {
        StackSweep.sweep(scene);
    }

    /** The end of a borrow. Afterwards only the owner keeps the spaces alive. */
    abstract static class BorrowEnd implements StackSweep.Scene {
        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        final AddressSpace home = machine.newSpace(Geometry.LINUX_X86_64);
        private @Nullable Cpu claimed;

        final Cpu cpu() {
            return Objects.requireNonNull(claimed, "no CPU");
        }

        @Override
        public void prepare() {
            claimed = machine.claimCpu();
        }

        @Override
        public void goOn() {
            // Again, in case the call was refused at the end of the stack.
            call();
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            home.close();
            space.close();
            machine.awaitQuiescence();
            for (AddressSpace of : List.of(home, space)) {
                assertEquals(0, of.users());
                assertEquals(0, layoutOf(of).lifetime.context.holds(), "references to the page table");
            }
            assertEquals(List.of(), machine.references());
        }
    }

    static final class EndsWithoutUsers extends BorrowEnd {
        private @Nullable BorrowedSpace borrowed;

        @Override
        public void prepare() {
            super.prepare();
            borrowed = cpu().use(space, () -> {});
            borrowed.putUsers();
        }

        @Override
        public boolean call() {
            Objects.requireNonNull(borrowed).close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            StackSweepTest.Scene.assertMetBefore(thrown);
            super.judge(thrown);
        }
    }

    /** The close of a CPU finds the borrow of another CPU, whose thread died while it borrowed a space. */
    static final class EndsBesideDead extends BorrowEnd {
        @Override
        public void prepare() {
            super.prepare();
            cpu().use(space, () -> {}).close();
            Thread borrower = new Thread(() -> {
                Cpu dead = machine.claimCpu();
                dead.switchTo(home);
                dead.use(space, () -> {});
            });
            borrower.start();
            try {
                borrower.join();
            } catch (InterruptedException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        @Override
        public boolean call() {
            cpu().close();
            return true;
        }
    }

    @ParameterizedTest
    @ValueSource(classes = {EndsWithoutUsers.class, EndsBesideDead.class})
    @DisplayName("what a borrow keeps is given up once, at the latest by the next call")
    void borrowEnd(Class<? extends BorrowEnd> scene) throws Exception {
        StackSweep.sweep(scene);
    }
}
