// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Makes one call at every stack depth near the end of a small stack, and after each call checks the state that an
 * overflow left behind. A program that must be run with {@code -Xint}, so that each stack frame always has the same
 * size. Arguments: the call, the number of depths. The first failed check ends the program with status 1.
 */
final class StackDepths {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final long AT = 0x10_0000_0000L;
    private static final long PAGES = 8;
    private static final long STACK = 512 << 10;
    private static final long SECONDS = 60;

    /** The call under test. */
    enum Call {
        /** An access, whose CPU first catches up with a change and calls a listener for it. */
        CATCHING_UP {
            @Override
            Runnable prepare(AddressSpace space, Cpu cpu) {
                cpu.onFlush((start, end, reason, generation) -> {});
                cpu.memory().load(AT, 8);
                space.mprotect(AT + PAGE, PAGE, Protection.READ);
                return () -> cpu.memory().load(AT, 8);
            }
        },

        /** A store that hits the TLB. */
        HIT {
            @Override
            Runnable prepare(AddressSpace space, Cpu cpu) {
                cpu.memory().store(AT, 8, 1);
                return () -> cpu.memory().store(AT, 8, 2);
            }
        },

        /** Enters GUEST; if that succeeds, the caller leaves it. */
        ENTERING_GUEST {
            @Override
            Runnable prepare(AddressSpace space, Cpu cpu) {
                cpu.memory().load(AT, 8);
                space.mprotect(AT + PAGE, PAGE, Protection.READ);
                return cpu::enterGuest;
            }

            @Override
            void end(Cpu cpu) {
                cpu.leaveGuest();
            }
        };

        /** Called at a low depth by the thread with the small stack. */
        abstract Runnable prepare(AddressSpace space, Cpu cpu);

        /** Called at a low depth by the same thread, after the call returned. */
        void end(Cpu cpu) {
            // Most calls need no end.
        }
    }

    private StackDepths() {}

    public static void main(String[] arguments) throws Exception {
        Call call = Call.valueOf(arguments[0]);
        int depths = Integer.parseInt(arguments[1]);
        // Loads and links the classes that the call uses.
        overflows(call, 10);
        int fits = 10;
        // No stack frame is that small.
        int overflows = (int) STACK / 16;
        while (overflows - fits > 1) {
            int middle = (fits + overflows) >>> 1;
            if (overflows(call, middle)) {
                overflows = middle;
            } else {
                fits = middle;
            }
        }
        int overflowed = 0;
        for (int depth = fits; depth < fits + depths; depth++) {
            overflowed += overflows(call, depth) ? 1 : 0;
        }
        System.out.println(call + ": " + overflowed + " of " + depths + " depths overflowed, and left nothing behind");
    }

    private static void at(int depth, Runnable call) {
        if (depth == 0) {
            call.run();
        } else {
            at(depth - 1, call);
        }
    }

    /**
     * Makes the call at a depth, and returns whether it overflowed the stack. Ends the program if something is left
     * behind.
     */
    private static boolean overflows(Call call, int depth) throws Exception {
        Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        AddressSpace space = machine.newSpace(LINUX);
        space.mmap(AT, PAGES * PAGE, RW, FIXED, null, 0);
        CountDownLatch looked = new CountDownLatch(1);
        FutureTask<@Nullable StackOverflowError> result = new FutureTask<>(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            Runnable prepared = call.prepare(space, cpu);
            try {
                at(depth, prepared);
            } catch (StackOverflowError thrown) {
                return thrown;
            }
            call.end(cpu);
            return null;
        });
        // The thread stays alive during the checks, because no call waits for a CPU whose thread ended.
        Thread thread = new Thread(null, () -> runAndWait(result, looked), "deep", STACK);
        thread.start();
        String where = call + " at depth " + depth;
        StackOverflowError thrown = bounded(where, result);
        begin(where + ", munmap", () -> space.munmap(AT, PAGES * PAGE));
        begin(where + ", mmap", () -> space.mmap(AT, PAGE, RW, FIXED, null, 0));
        begin(where + ", close", () -> {
            space.validate();
            space.close();
            return 0;
        });
        looked.countDown();
        thread.join();
        long left = machine.statistics().framesInUse();
        if (left != 0) {
            throw new AssertionError(where + ": " + left + " frames are lost", thrown);
        }
        return thrown != null;
    }

    private static void runAndWait(Runnable first, CountDownLatch then) {
        first.run();
        try {
            then.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static void begin(String what, Callable<?> call) throws Exception {
        FutureTask<?> task = new FutureTask<>(call);
        Thread thread = new Thread(task, "after");
        thread.setDaemon(true);
        thread.start();
        bounded(what, task);
    }

    private static <T> T bounded(String what, FutureTask<T> task) throws InterruptedException, ExecutionException {
        try {
            return task.get(SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException late) {
            System.out.println(what + " has not ended in " + SECONDS + " s");
            Thread.getAllStackTraces().forEach((thread, stack) -> {
                System.out.println(thread.getName());
                for (int i = 0; i < Math.min(stack.length, 16); i++) {
                    System.out.println("    " + stack[i]);
                }
            });
            Runtime.getRuntime().halt(1);
            throw new AssertionError(late);
        }
    }
}
