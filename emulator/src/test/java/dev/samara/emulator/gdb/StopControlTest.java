// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.emulator.gdb.GdbPacket.BadPacketException;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import java.nio.channels.FileChannel;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The debugger's accesses to the memory of a guest")
final class StopControlTest {
    /** A process that consists only of its memory. */
    private record OnlyMemory(AddressSpace space) implements DebuggedProcess {
        @Override
        public int pid() {
            return 1;
        }

        @Override
        public byte[] auxiliary() {
            return new byte[0];
        }

        @Override
        public String program() {
            return "";
        }

        @Override
        public byte @Nullable [] procFile(String path) {
            return null;
        }

        @Override
        public @Nullable FileChannel openHostFile(String path) {
            return null;
        }

        @Override
        public void kill() {
            throw new AssertionError("killed");
        }

        @Override
        public void send(int signal) {
            throw new AssertionError("signal " + signal);
        }
    }

    @Test
    @DisplayName("the exit of the process waits for an access in progress, and there is none afterwards")
    void exitWaits() throws Exception {
        StopControl control = new StopControl(() -> {});
        try (Machine machine = Machine.builder().build();
                AddressSpace memory = machine.newSpace(Geometry.LINUX_X86_64)) {
            control.begins(new OnlyMemory(memory));
            CountDownLatch started = new CountDownLatch(1);
            CountDownLatch released = new CountDownLatch(1);
            FutureTask<Long> access = new FutureTask<>(() -> control.access(space -> {
                started.countDown();
                await(released);
                return 5;
            }));
            new Thread(access, "access").start();
            started.await();
            Thread exit = new Thread(() -> control.exits(0), "exit");
            exit.start();
            assertEquals(Thread.State.BLOCKED, stopped(exit));
            released.countDown();
            exit.join();
            assertEquals(5, access.get());
            assertThrows(BadPacketException.class, () -> control.access(space -> 0));
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException unexpected) {
            throw new AssertionError(unexpected);
        }
    }

    /** Returns the state of a thread once it waits or ended. */
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    private static Thread.State stopped(Thread thread) {
        Thread.State state;
        do {
            Thread.yield();
            state = thread.getState();
        } while (state == Thread.State.RUNNABLE || state == Thread.State.NEW);
        return state;
    }
}
