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
 * Runs one call with 16 bytes of stack less each time, from where the call still succeeds down to where it
 * does not even begin, and judges after each run the state that the {@link StackOverflowError} has left. The stack
 * pointer of an interpreted frame is a multiple of 16, so each call on the way meets the end of the stack in some run,
 * and so does a call that goes a few bytes deeper than one which has returned before.
 *
 * <p>The sweep runs in a JVM of its own. That JVM only interprets, so each frame has one size; and a class whose
 * initializer meets the end of the stack is lost to that JVM only. A thread's stack has no exact size (the JVM shifts
 * its first frame, the system may hand on a larger one), so each thread first counts how many frames it has room for.
 */
final class StackSweep {
    /** One run of the call. The sweep makes a new scene for each run. */
    interface Scene {
        /** Prepares the call. Runs in the thread of the call, with all of its stack. */
        default void prepare() {}

        /**
         * The call.
         *
         * @return whether the call succeeded; false if it was refused
         */
        boolean call();

        /** Goes on in the thread of the call, with all of its stack, whether the call has returned or thrown. */
        default void goOn() {}

        /**
         * Judges the state that the call has left. Runs in another thread and may wait, at most {@link #SECONDS}. The
         * thread of the call is alive, and does nothing.
         *
         * @param thrown the call's exception or error, or null if it returned
         * @throws AssertionError if something is wrong
         */
        void judge(@Nullable Throwable thrown) throws Exception;
    }

    /** The bound of each wait. */
    static final int SECONDS = 60;

    private static final int MOST_WRONG = 2;
    private static final int STACK_BYTES = 256 << 10;

    /** By so much a wide frame is larger than a narrow one: two words. */
    private static final int UNIT = 16;

    /** A narrow frame is about so many times as large as that. */
    private static final int WIDE = 7;

    /** More than any call takes, and less than a thread has. */
    private static final int PLENTY = (STACK_BYTES / 2) / UNIT;

    /**
     * By so many units the first run has more stack than the least with which the call has returned: threads differ a
     * little.
     */
    private static final int ABOVE = 48;

    /** So many runs end above the call before it is taken for granted that it begins no more. */
    private static final int UNBEGUN = 18;

    private static final String RESERVE = "StackReserve.";

    /** The options of a JVM that compiles the reserve at its first call, and nothing else. */
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
     * Sweeps a call as {@link #sweep} does, but the reserve is compiled before it is called first. All other code is
     * interpreted, and its frames are as large as in a sweep.
     */
    static void sweepBesideCompiledReserve(Class<? extends Scene> scene) throws Exception {
        ChildJvm.run(StackSweep.class, VERDICT, COMPILED_RESERVE, scene.getName());
    }

    /**
     * The sweep itself.
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
        // Daemons may be stuck, and the verdict is in the status.
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

    /** Calls with so many units of stack left. */
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
            // A reserve that is refused comes before anything is begun.
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

    /** The innermost frames of this library. */
    static String where(Throwable thrown) {
        String frames = Stream.of(thrown.getStackTrace())
                .filter(frame -> frame.getClassName().startsWith("dev.samara"))
                .limit(4)
                .map(frame -> frame.getClassName().replaceAll(".*\\.", "") + "." + frame.getMethodName() + ":"
                        + frame.getLineNumber())
                .collect(Collectors.joining(" < "));
        return thrown.getClass().getSimpleName() + " in " + frames;
    }

    /** The stacks of all threads that are within this library. */
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

    /** How many narrow frames the calling thread has room for. */
    private static int room() {
        int[] begun = new int[1];
        try {
            count(begun, Integer.MAX_VALUE);
        } catch (StackOverflowError end) {
            return begun[0];
        }
        throw new AssertionError("no end of the stack");
    }

    /** Has a frame as large as that of {@link #narrow}. */
    private static void count(int[] begun, int most) {
        begun[0]++;
        if (begun[0] < most) {
            count(begun, most);
        }
    }

    /** Calls with some frames that are two words wider, and then some narrow ones. */
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
