// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.Machine;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Creates the first memory of a process near the end of a stack. This initializes classes, and a class whose
 * initializer overflows the stack is lost to the JVM, so the test runs in a separate JVM.
 */
final class FirstMemoryTest {
    private static final String VERDICT = "made after ";
    private static final long STACK = 512 << 10;

    /** Uses up a stack once; on the way back, each frame tries to create the memory until an attempt succeeds. */
    private static final class Attempts implements Runnable {
        private final Machine machine;
        private @Nullable PageCache cache;
        private @Nullable Throwable lost;
        private int overflows;

        Attempts(Machine machine) {
            this.machine = machine;
        }

        @Override
        public void run() {
            descend();
        }

        @SuppressWarnings("InfiniteRecursion") // it ends with a stack overflow
        private void descend() {
            try {
                descend();
            } catch (StackOverflowError end) {
                overflows++;
            }
            if (cache == null && lost == null) {
                attempt();
            }
        }

        private void attempt() {
            try {
                cache = machine.newPageCache(Geometry.LINUX_X86_64, 1);
            } catch (StackOverflowError end) {
                overflows++;
            } catch (LinkageError thrown) {
                lost = thrown;
            }
        }
    }

    @Test
    @DisplayName("memory that is first needed near the end of a stack is refused, or made, and never lost for good")
    void nearTheEnd() throws Exception {
        ChildJvm.run(FirstMemoryTest.class, VERDICT, List.of("-Xint", "-Xmx256m"));
    }

    /**
     * Loads and verifies all classes, without initializing them, as a class archive does. Loading and verification need
     * more stack than most initializers, which would otherwise never overflow the stack.
     */
    private static void link() throws Exception {
        for (String name : HeapSweep.classNames()) {
            Class<?> loaded = Class.forName(name, false, FirstMemoryTest.class.getClassLoader());
            // Links the class.
            assertNotNull(loaded.getDeclaredMethods());
        }
    }

    /** Runs the attempts, in a JVM that only interprets. */
    public static void main(String[] arguments) throws Exception {
        link();
        // Initializes everything that a machine needs except memory.
        Machine.builder().build().newSpace(Geometry.LINUX_X86_64).close();
        Attempts attempts = new Attempts(Machine.builder().memory(1 << 20).build());
        Thread thread = new Thread(null, attempts, "attempts", STACK);
        thread.start();
        thread.join();
        if (attempts.lost != null) {
            throw attempts.lost instanceof Error error ? error : new AssertionError(attempts.lost);
        }
        PageCache cache = attempts.cache;
        if (cache == null || attempts.overflows < 2) {
            throw new AssertionError(attempts.overflows + " ends of the stack, and " + cache);
        }
        assertEquals(1, cache.pwrite(new byte[] {1}, 0, 1, 0));
        System.out.println(VERDICT + attempts.overflows + " ends of the stack");
    }
}
