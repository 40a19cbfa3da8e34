// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static dev.samara.core.interleave.scenario.SpaceScenario.AT;
import static dev.samara.core.interleave.scenario.SpaceScenario.PAGE;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.guest.PageRun;
import dev.samara.core.interleave.scenario.SpaceScenario.Operation;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Runs concurrent with calls that remove their page. Freed frames are poisoned. */
final class RunScenarios {
    /** The number in the page before the call. */
    private static final long OLD = 7;

    /** The number that a call stores to the page. */
    private static final long NEW = 9;

    private RunScenarios() {}

    /** Returns a builder for scenarios whose frames are in buffers; freed frames are poisoned. */
    private static MachineBuilder withBuffers() {
        return Machine.builder().faultAround(1).poisonFrames(true);
    }

    private static DirectFrames buffers(int pageShift, int count) {
        return new DirectFrames(pageShift, 4, count);
    }

    /**
     * A CPU in GUEST finds a run, polls, and uses the run while it is valid. Then it uses another run, which it finds
     * concurrently with the other call.
     */
    private static final class RunUser implements Operation {
        private final boolean isReplaced;
        private boolean hasReturned;
        private @Nullable PageRun kept;

        /**
         * Creates the operation.
         *
         * @param isReplaced whether the other call replaces the bytes of the page or removes the page; false if the
         *     page is read again with the same bytes
         */
        RunUser(boolean isReplaced) {
            this.isReplaced = isReplaced;
        }

        /** Returns the other call, and records when it returns. */
        Operation beside(Operation call) {
            return new Operation() {
                @Override
                public String run(State state, Cpu cpu) {
                    return call.run(state, cpu);
                }

                @Override
                public void returned(State state, String result) {
                    hasReturned = true;
                }
            };
        }

        @Override
        public void before(State state, Cpu cpu) {
            cpu.enterGuest();
            kept = cpu.memory().newRun();
            kept.seek(AT, (int) PAGE, Mman.READ);
            state.inGuest.add(cpu);
        }

        @Override
        public String run(State state, Cpu cpu) {
            PageRun run = Objects.requireNonNull(kept);
            use(run);
            cpu.poll();
            // Lets the other call continue.
            Thread.onSpinWait();
            use(run);
            if (run.seek(AT, (int) PAGE, Mman.READ) != 0) {
                use(run);
            }
            if (state.inGuest.remove(cpu)) {
                cpu.leaveGuest();
            }
            return "used";
        }

        private void use(PageRun run) {
            boolean isGone = hasReturned && isReplaced;
            if (!run.isValid()) {
                return;
            }
            long found = run.buffer().getLong(run.offset());
            if (found != NEW && (found != OLD || isGone)) {
                throw new AssertionError("a valid run has " + found + (isGone ? " after the call has returned" : ""));
            }
        }
    }

    /** The page belongs to a memory file, which another thread truncates. */
    static final class Truncation extends Calls {
        Truncation() {
            RunUser user = new RunUser(true);
            calls().put("run", user);
            calls().put("truncate", user.beside((state, cpu) -> "" + file().truncate(0)));
        }

        @Override
        protected MachineBuilder builder() {
            return withBuffers();
        }

        @Override
        protected MachineBuilder.StoreMaker frames() {
            return RunScenarios::buffers;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            int flags = Mman.SHARED | Mman.FIXED;
            state.space.mmap(AT, PAGE, RW, flags, newFile(state).open(), 0);
            store(cpu, AT, OLD);
        }
    }

    /** The page belongs to a file, and another CPU of the space writes to it. */
    static final class CopyOnWrite extends Calls {
        CopyOnWrite() {
            RunUser user = new RunUser(true);
            calls().put("run", user);
            calls().put("store", user.beside((state, cpu) -> store(cpu, AT, NEW)));
        }

        @Override
        protected MachineBuilder builder() {
            return withBuffers();
        }

        @Override
        protected MachineBuilder.StoreMaker frames() {
            return RunScenarios::buffers;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            byte[] old = {(byte) OLD};
            newFile(state).pwrite(old, 0, 1, 0);
            int flags = Mman.PRIVATE | Mman.FIXED;
            state.space.mmap(AT, PAGE, RW, flags, file().open(), 0);
            load(cpu, AT);
        }
    }

    /** The page is a clean page of a host file, which another thread evicts. */
    static final class Eviction extends HostFileScenarios.OfHostFile {
        Eviction() {
            RunUser user = new RunUser(false);
            calls().put("run", user);
            calls().put("evict", user.beside((state, cpu) -> evict(state)));
        }

        @Override
        protected MachineBuilder builder() {
            return withBuffers();
        }

        @Override
        protected MachineBuilder.StoreMaker frames() {
            return RunScenarios::buffers;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
        }
    }
}
