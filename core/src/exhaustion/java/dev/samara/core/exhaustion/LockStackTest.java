// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.internal.sync.SpinLock;
import dev.samara.core.internal.sync.StackReserve;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Overflows the stack near a lock, in steps of a few bytes. Interpreted frames are the largest, and the check before
 * them may be compiled. If everything is compiled, the lock fits into the space that any check reserves.
 */
@DisplayName("A lock, at the end of the stack,")
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class LockStackTest {
    private static final String VERDICT = "no lock is left";

    /** The locks whose release needs less stack than their acquisition. */
    enum Kind {
        CHECKED {
            @Override
            Candidate make() {
                return new Checked();
            }
        },
        SPIN {
            @Override
            Candidate make() {
                return new Spin();
            }
        },
        SHARED {
            @Override
            Candidate make() {
                return new Shared();
            }
        },
        LEAF {
            @Override
            Candidate make() {
                return new LeafOfPages();
            }
        };

        abstract Candidate make();
    }

    /** A lock of one of the kinds. */
    private abstract static class Candidate {
        abstract void acquire();

        abstract void release();

        /** Returns whether this thread holds the lock. Only the checked lock knows; the other locks return false. */
        boolean isHeld() {
            return false;
        }
    }

    private static final class Checked extends Candidate {
        private final CheckedLock lock = new CheckedLock();

        @Override
        boolean isHeld() {
            return lock.isHeldByCurrentThread();
        }

        @Override
        void acquire() {
            lock.lock();
        }

        @Override
        void release() {
            lock.unlock();
        }
    }

    private static final class Spin extends Candidate {
        private final SpinLock lock = new SpinLock();

        @Override
        void acquire() {
            lock.lock();
        }

        @Override
        void release() {
            lock.unlock();
        }
    }

    private static final class Shared extends Candidate {
        private final CheckedReadWriteLock lock = new CheckedReadWriteLock();

        @Override
        void acquire() {
            lock.lockShared();
        }

        @Override
        void release() {
            lock.unlockShared();
        }
    }

    private static final class LeafOfPages extends Candidate {
        private final long[] leaf = Leaf.make(512);

        @Override
        void acquire() {
            Leaf.lock(leaf);
        }

        @Override
        void release() {
            Leaf.unlock(leaf);
        }
    }

    /** Threads that recurse to the end of their stack, and acquire and release a lock at each depth on the way back. */
    static final class Descents {
        private static final int STACK_BYTES = 256 << 10;

        /** More checks than the JVM needs to compile the reserve's innermost call. */
        private static final int CHECKS = 300_000;

        /** The maximum number of wider frames above the other frames; each shifts those by 8 bytes. */
        private static final int PADS = 16;

        private static Candidate lock = new Checked();

        /** Whether a lock stayed acquired although its release was called. In that case no more locks are acquired. */
        private static boolean isLeft;

        private static int taken;
        private static int refused;

        private Descents() {}

        public static void main(String[] arguments) throws InterruptedException {
            lock = Kind.valueOf(arguments[0]).make();
            for (int i = 0; i < CHECKS; i++) {
                StackReserve.check(0);
            }
            // Links the exchange operation, as any use of it in the JVM does, because the first release runs at the end
            // of the stack.
            new AtomicBoolean().getAndSet(true);
            for (int pads = 0; pads < PADS; pads++) {
                int wider = pads;
                // Twice, because the first call of a class needs stack for its initializer.
                for (int i = 0; i < 2; i++) {
                    Thread thread = new Thread(null, () -> descendBelow(wider), "descends", STACK_BYTES);
                    thread.start();
                    thread.join();
                }
            }
            boolean isGood = !isLeft && taken > 0 && refused > 0;
            System.out.println(taken + " taken, " + refused + " refused: " + (isGood ? VERDICT : "wrong"));
            System.exit(isGood ? 0 : 1);
        }

        private static void descendBelow(int pads) {
            pad(pads, 0);
            // Whether an acquisition that threw left the lock acquired.
            isLeft |= lock.isHeld();
        }

        /** Its frame is one local variable wider than that of {@link #descend}. */
        private static long pad(int frames, long wider) {
            return frames == 0 ? descend() : 1 + pad(frames - 1, wider);
        }

        @SuppressWarnings("InfiniteRecursion") // it ends with a stack overflow
        private static long descend() {
            long depth = 0;
            try {
                depth = 1 + descend();
            } catch (StackOverflowError end) {
                // This is the deepest frame; from here on the calls return.
            }
            lockAndUnlock();
            return depth;
        }

        private static void lockAndUnlock() {
            if (isLeft) {
                return;
            }
            boolean isHeld = false;
            try {
                lock.acquire();
                isHeld = true;
                taken++;
                lock.release();
            } catch (StackOverflowError end) {
                refused++;
                isLeft = isHeld;
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is taken and released, or it is refused before it is taken")
    void interpreted(Kind kind) throws Exception {
        ChildJvm.run(Descents.class, VERDICT, List.of("-Xint"), kind.name());
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("is taken and released, or it is refused, also where the check is compiled and the lock is not")
    void besideCompiledReserve(Kind kind) throws Exception {
        ChildJvm.run(Descents.class, VERDICT, StackSweep.COMPILED_RESERVE, kind.name());
    }
}
