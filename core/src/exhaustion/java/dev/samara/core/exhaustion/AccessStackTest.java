// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.fixture.Latches;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Overflows the stack in accesses of a CPU whose code is compiled, interpreted, or compiled in part. Unlike in a {@link
 * StackSweep}, a frame may be smaller than it was before, and a method that undoes a call may need more stack than that
 * call did.
 */
@DisplayName("An access at the end of the stack, compiled,")
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(8)
final class AccessStackTest {
    private static final String VERDICT = "nothing is left behind";
    private static final long AT = 0x10_0000_0000L;
    private static final long PAGE = 4096;
    private static final int PAGES = 64;
    private static final long LENGTH = PAGES * PAGE;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.ANONYMOUS | Mman.PRIVATE | Mman.FIXED;

    /** A page that stays mapped, and whose accesses hit the TLB. */
    private static final long KEPT = AT + LENGTH - PAGE;

    /** An access outside GUEST. */
    enum Access {
        HIT {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.load(KEPT, 8);
            }
        },
        PAIR {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.storePair(KEPT, 1, 2);
            }
        },
        CROSSING {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.load(at + PAGE - 1, 8);
            }
        },
        FAULT {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.store(at, 8, 1);
            }
        },
        UPDATE {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.getAndAdd(at, 8, 1);
            }
        },
        COPY_IN {
            @Override
            int make(GuestMemory memory, long at) {
                byte[] bytes = new byte[5000];
                return memory.copyIn(at, bytes, 0, bytes.length) == bytes.length ? Fault.NONE : memory.fault();
            }
        },
        FILL {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.fill(at, 5000, (byte) 1) == 5000 ? Fault.NONE : memory.fault();
            }
        },
        HANDLED {
            @Override
            int make(GuestMemory memory, long at) {
                return memory.handleFault(at, Mman.WRITE);
            }
        };

        abstract int make(GuestMemory memory, long at);
    }

    /**
     * Recurses to the end of the stack, and makes an access in each frame on the way back until one succeeds. Before
     * each round, the page is discarded, by this thread or, so that the CPU has to catch up, by another one.
     */
    static final class Rounds {
        private static final int STACK_BYTES = 256 << 10;
        private static final int WARM = 20_000;
        private static final int OVERFLOWS = 1500;

        private final Machine machine =
                Machine.builder().memory(1 << 24).reportTo(report -> {}).build();
        private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        private final AddressSpace other = machine.newSpace(Geometry.LINUX_X86_64);
        private final MemoryFile file = machine.newFile("f", 1, Geometry.LINUX_X86_64, LENGTH);
        private final Access access;
        private int overflows;
        private int made;

        private Rounds(Access access) {
            this.access = access;
        }

        public static void main(String[] arguments) throws Exception {
            Rounds rounds = new Rounds(Access.valueOf(arguments[0]));
            rounds.run();
            System.out.println(rounds.made + " made, " + rounds.overflows + " overflows: " + VERDICT);
            // Daemon threads may be stuck in a round that failed.
            System.exit(rounds.made > 0 ? 0 : 1);
        }

        private void run() throws Exception {
            assertEquals(AT, space.mmap(AT, LENGTH, RW, FIXED, null, 0));
            assertEquals(AT, other.mmap(AT, LENGTH, RW, Mman.SHARED | Mman.FIXED, file.open(), 0));
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(other);
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(Fault.NONE, cpu.memory().store(AT + page * PAGE, 8, 1));
                }
            }
            var ended = new CountDownLatch(1);
            FutureTask<@Nullable Void> rounds = new FutureTask<>(this::rounds, null);
            Thread deep = new Thread(
                    null,
                    () -> {
                        rounds.run();
                        // Alive while the other threads wait, because nothing waits for an ended thread.
                        Latches.await(ended);
                    },
                    "deep",
                    STACK_BYTES);
            deep.setDaemon(true);
            deep.start();
            rounds.get();
            StackSweep.within(() -> {
                // Waits for the reader sections of the whole machine, and for the CPUs in GUEST.
                assertEquals(0, file.truncate(0));
                assertEquals(0, space.munmap(AT, LENGTH));
                return null;
            });
            ended.countDown();
            deep.join();
            StackSweep.within(() -> {
                space.close();
                other.close();
                machine.awaitQuiescence();
                assertEquals(0, machine.statistics().framesInUse());
                machine.close();
                return null;
            });
        }

        private void rounds() {
            Cpu cpu = machine.claimCpu();
            GuestMemory memory = cpu.memory();
            cpu.switchTo(space);
            for (int i = 0; i < WARM; i++) {
                if (i % 64 == 0) {
                    assertEquals(0, space.madvise(AT, LENGTH - PAGE, Mman.DONTNEED));
                }
                assertEquals(Fault.NONE, access.make(memory, pageOf(i)));
            }
            for (int round = 0; overflows < OVERFLOWS; round++) {
                discard(round);
                long at = pageOf(round);
                descend(memory, new boolean[1], at);
                // Each throws if the CPU is in GUEST or in a reader section, or catches up forever.
                cpu.enterGuest();
                cpu.leaveGuest();
                assertEquals(0, space.madvise(AT, PAGE, Mman.DONTNEED));
                assertEquals(Fault.NONE, access.make(memory, at));
            }
            cpu.close();
        }

        private static long pageOf(int round) {
            return AT + round % (PAGES - 3) * PAGE;
        }

        private void discard(int round) {
            FutureTask<Long> discard = new FutureTask<>(() -> space.madvise(AT, LENGTH - PAGE, Mman.DONTNEED));
            if (round % 2 == 0) {
                discard.run();
            } else {
                new Thread(discard, "discards").start();
            }
            try {
                assertEquals(0, discard.get());
            } catch (Exception failed) {
                throw new AssertionError(failed);
            }
        }

        @SuppressWarnings("InfiniteRecursion") // it ends with a stack overflow
        private int descend(GuestMemory memory, boolean[] isMade, long at) {
            int depth = 0;
            try {
                depth = 1 + descend(memory, isMade, at);
            } catch (StackOverflowError end) {
                overflows++;
            }
            if (!isMade[0]) {
                try {
                    assertEquals(Fault.NONE, access.make(memory, at));
                    made++;
                    isMade[0] = true;
                } catch (StackOverflowError end) {
                    overflows++;
                }
            }
            return depth;
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("leaves no CPU in GUEST and no reader section open, and the CPU, its space and its machine are usable")
    void compiled(Access access) throws Exception {
        ChildJvm.run(Rounds.class, VERDICT, List.of("-Xmx256m", "-XX:MaxJavaStackTraceDepth=16"), access.name());
    }
}
