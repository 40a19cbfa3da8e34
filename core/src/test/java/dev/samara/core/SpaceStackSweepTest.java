// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A space that is made near the end of a stack, and references to one: no count is left of which no object knows. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class SpaceStackSweepTest {
    /** A space is made, or no reference to it is left. */
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
            assertEquals(0, space.own.lifetime().pageTable().count(), "references to the page table");
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
            // Again, where the end of the stack has refused it.
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
}
