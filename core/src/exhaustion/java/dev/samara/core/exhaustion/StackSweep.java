// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.fixture.Latches;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs one call repeatedly, with 16 bytes of stack less each time, from a depth at which the call still succeeds to one
 * at which it does not even start, and after each run judges the state that the {@link StackOverflowError} left. The
 * stack pointer of an interpreted frame is a multiple of 16, so each call along the way overflows the stack in some
 * run, even one that needs only a few bytes more than an earlier call that returned.
 *
 * <p>The sweep runs in a separate JVM. This JVM only interprets, so each frame has a fixed size; and a class whose
 * initializer overflows the stack is lost only to this JVM. The size of a thread's stack is not exact (the JVM shifts
 * the first frame, and the system may provide a larger stack), so each thread first counts how many frames fit.
 */
final class StackSweep {
    /** One run of the call. The sweep creates a new scene for each run. */
    interface Scene {
        /** Prepares the call. Runs in the calling thread, with its whole stack. */
        default void prepare() {}

        /**
         * Makes the call.
         *
         * @return whether the call succeeded; false if it was refused
         */
        boolean call();

        /** Continues in the calling thread, with its whole stack, whether the call returned or threw. */
        default void goOn() {}

        /**
         * Judges the state that the call left. Runs in another thread and may wait for up to {@link #SECONDS}. The
         * calling thread is alive, but idle.
         *
         * @param thrown the call's exception or error, or null if it returned
         * @throws AssertionError if something is wrong
         */
        void judge(@Nullable Throwable thrown) throws Exception;
    }

    /** The maximum duration of each wait. */
    static final int SECONDS = 60;

    private static final int MOST_WRONG = 2;
    private static final int STACK_BYTES = 256 << 10;

    /** The difference in size between a wide and a narrow frame: two words. */
    private static final int UNIT = 16;

    /** The approximate size of a narrow frame, in units. */
    private static final int WIDE = 7;

    /** More than any call needs, and less than a thread's stack provides. */
    private static final int PLENTY = (STACK_BYTES / 2) / UNIT;

    /**
     * How many units of stack the first run gets in addition to the minimum with which the call returned, because
     * threads differ slightly.
     */
    private static final int ABOVE = 48;

    /** After this many consecutive runs that do not reach the call, the sweep assumes that no later run does. */
    private static final int UNBEGUN = 18;

    private static final String RESERVE = "StackReserve.";

    /** The options of a JVM that compiles only the reserve, at its first call. */
    static final List<String> COMPILED_RESERVE = List.of(
            "-Xcomp",
            "-XX:CompileCommand=quiet",
            "-XX:CompileCommand=compileonly,dev.samara.core.internal.sync.StackReserve::*",
            "-Xmx256m");

    private static final String VERDICT = "swept: ";

    private final Supplier<Scene> scenes;
    private final Map<String, Integer> met = new TreeMap<>();
    private final Set<String> wrong = new LinkedHashSet<>();

    private boolean isBegun;
    private boolean isReturned;

    private StackSweep(Supplier<Scene> scenes) {
        this.scenes = scenes;
    }

    /**
     * Sweeps a call, and fails if one of the runs was judged to have left something behind.
     *
     * @param scene a class with a constructor without arguments
     */
    static void sweep(Class<? extends Scene> scene) throws Exception {
        ChildJvm.run(StackSweep.class, VERDICT, List.of("-Xint", "-Xmx256m"), scene.getName());
    }

    /**
     * Sweeps a call as {@link #sweep} does, but compiles the reserve before its first call. All other code is
     * interpreted, and its frames are as large as in a sweep.
     */
    static void sweepBesideCompiledReserve(Class<? extends Scene> scene) throws Exception {
        ChildJvm.run(StackSweep.class, VERDICT, COMPILED_RESERVE, scene.getName());
    }

    /**
     * Runs the sweep.
     *
     * @param arguments the name of the scene's class
     */
    public static void main(String[] arguments) throws Exception {
        var constructor = Class.forName(arguments[0]).getDeclaredConstructor();
        constructor.setAccessible(true);
        StackSweep sweep = new StackSweep(() -> {
            try {
                return (Scene) constructor.newInstance();
            } catch (ReflectiveOperationException broken) {
                throw new LinkageError("no scene", broken);
            }
        });
        // Daemon threads may be stuck, so exit explicitly; the status is the verdict.
        System.exit(sweep.run() ? 0 : 1);
    }

    private boolean run() throws Exception {
        one(PLENTY);
        if (!isReturned) {
            throw new AssertionError("with all of the stack: " + met + wrong);
        }
        int returns = PLENTY;
        int fails = 0;
        while (returns - fails > 1) {
            int middle = (returns + fails) / 2;
            one(middle);
            if (isReturned) {
                returns = middle;
            } else {
                fails = middle;
            }
        }
        met.clear();
        int runs = 0;
        int unbegun = 0;
        for (int left = returns + ABOVE; left > 0 && unbegun < UNBEGUN && wrong.size() < MOST_WRONG; left--) {
            one(left);
            runs++;
            unbegun = isBegun ? 0 : unbegun + 1;
        }
        met.forEach((what, times) -> System.out.println(times + " x " + what));
        wrong.forEach(System.out::println);
        System.out.println(VERDICT + runs + " runs, wrong: " + wrong.size());
        return wrong.isEmpty() && met.size() > 1;
    }

    /** Makes one run with a number of units of stack left. */
    private void one(int left) throws Exception {
        Scene scene = scenes.get();
        Throwable[] thrown = new Throwable[1];
        Throwable[] failed = new Throwable[1];
        isBegun = false;
        isReturned = false;
        var called = new CountDownLatch(1);
        var judged = new CountDownLatch(1);
        Thread deep = new Thread(
                null,
                () -> {
                    scene.prepare();
                    int wide = (WIDE - left % WIDE) % WIDE;
                    int frames = room() - (left + wide) / WIDE;
                    try {
                        wide(wide, frames - wide, 0, () -> {
                            isBegun = true;
                            isReturned = scene.call();
                        });
                    } catch (Throwable error) {
                        thrown[0] = error;
                    }
                    try {
                        scene.goOn();
                    } catch (Throwable error) {
                        failed[0] = error;
                    }
                    called.countDown();
                    Latches.await(judged);
                },
                "deep",
                STACK_BYTES);
        deep.setDaemon(true);
        deep.start();
        String where = "the call has not returned";
        try {
            if (called.await(SECONDS, TimeUnit.SECONDS)) {
                where = isReturned ? "returned" : thrown[0] == null ? "refused" : where(thrown[0]);
                within(() -> {
                    if (failed[0] != null) {
                        throw new AssertionError("the thread cannot go on", failed[0]);
                    }
                    scene.judge(thrown[0]);
                    return null;
                });
            } else {
                throw new AssertionError(stacks());
            }
            // If the reserve was refused, the call did not start anything.
            isBegun &= !where.contains(RESERVE);
        } catch (AssertionError violation) {
            wrong.add("WRONG with " + left * UNIT + " bytes: " + where + ": " + violation.getMessage()
                    + (violation.getCause() == null ? "" : ", " + violation.getCause()));
        }
        met.merge(where, 1, Integer::sum);
        judged.countDown();
        deep.join(TimeUnit.SECONDS.toMillis(SECONDS));
    }

    static void within(Callable<@Nullable Void> judge) throws Exception {
        FutureTask<@Nullable Void> task = new FutureTask<>(judge);
        Thread thread = new Thread(task, "judge");
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof AssertionError violation) {
                throw violation;
            }
            throw new AssertionError("the judge has failed", failed);
        } catch (TimeoutException stuck) {
            throw new AssertionError("the judge has waited " + SECONDS + " s" + stacks());
        }
    }

    /** Returns the innermost frames of this library. */
    static String where(Throwable thrown) {
        String frames = Stream.of(thrown.getStackTrace())
                .filter(frame -> frame.getClassName().startsWith("dev.samara"))
                .limit(4)
                .map(frame -> frame.getClassName().replaceAll(".*\\.", "") + "." + frame.getMethodName() + ":"
                        + frame.getLineNumber())
                .collect(Collectors.joining(" < "));
        return thrown.getClass().getSimpleName() + " in " + frames;
    }

    /** Returns the stacks of all threads that are executing code of this library. */
    static String stacks() {
        StringBuilder text = new StringBuilder();
        Thread.getAllStackTraces().forEach((thread, frames) -> {
            if (thread != Thread.currentThread()
                    && Stream.of(frames).anyMatch(frame -> frame.getClassName().startsWith("dev.samara.core."))) {
                text.append("\n  ").append(thread.getName());
                Stream.of(frames)
                        .limit(24)
                        .forEach(frame -> text.append("\n    at ").append(frame));
            }
        });
        return text.toString();
    }

    /** Returns how many narrow frames fit into the current thread's stack. */
    private static int room() {
        int[] begun = new int[1];
        try {
            count(begun, Integer.MAX_VALUE);
        } catch (StackOverflowError end) {
            return begun[0];
        }
        throw new AssertionError("no end of the stack");
    }

    /** Recurses with frames as large as those of {@link #narrow}. */
    private static void count(int[] begun, int most) {
        begun[0]++;
        if (begun[0] < most) {
            count(begun, most);
        }
    }

    /** Makes the call below some frames that are two words wider, and then some narrow frames. */
    private static void wide(int frames, int narrow, int unused, Runnable call) {
        if (frames == 0) {
            narrow(narrow + unused, call);
        } else {
            wide(frames - 1, narrow, unused, call);
        }
    }

    private static void narrow(int frames, Runnable call) {
        if (frames == 0) {
            call.run();
        } else {
            narrow(frames - 1, call);
        }
    }
}
