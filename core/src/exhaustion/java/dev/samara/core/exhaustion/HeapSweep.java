// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import dev.samara.core.Machine;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.maple.MapleTree;
import java.io.IOException;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs one call in a heap with 0 free bytes, then with a few more, and so on, and after each run judges the state that
 * the {@link OutOfMemoryError} left behind. The heap is emptied when the call returned, or after {@value
 * #PATIENCE_MILLIS} ms if the call waits for memory.
 *
 * <p>The sweep runs in a separate JVM without thread-local allocation buffers and with a compacting collector. With
 * {@code -P torture -Dtorture.model=true} it proceeds in steps of {@value #STEP} bytes, so each allocation runs out of
 * heap in some run. Otherwise the steps are {@value #STRIDE} times as large; {@code FailureSweep} makes the allocations
 * of its operations fail one by one.
 */
final class HeapSweep {
    /** The maximum duration of each wait. */
    private static final int SECONDS = 60;

    private static final int MOST_WRONG = 2;
    private static final int STEP = 32;
    private static final int STRIDE = 6;
    private static final int MOST = 96 * STEP;
    private static final int PATIENCE_MILLIS = 100;
    private static final String VERDICT = "swept: ";

    /** The arrays that fill the heap, linked through first elements. */
    private static volatile Object @Nullable [] ballast;

    /** The part of the heap that stays free. */
    @SuppressWarnings("UnusedVariable") // it exists only to be dropped
    private static volatile byte @Nullable [] gap;

    private final Class<? extends StackSweep.Scene> scenes;
    private final boolean needsNoMemory;
    private final int step;
    private final int most;
    private final Map<String, Integer> met = new TreeMap<>();
    private final Set<String> wrong = new LinkedHashSet<>();

    private HeapSweep(Class<? extends StackSweep.Scene> scenes, boolean needsNoMemory, int step, int most) {
        this.scenes = scenes;
        this.needsNoMemory = needsNoMemory;
        this.step = step;
        this.most = most;
    }

    /**
     * Sweeps a call, and fails if one of the runs was judged to have left something behind.
     *
     * @param scene a class with a constructor without arguments
     */
    static void sweep(Class<? extends StackSweep.Scene> scene) throws Exception {
        sweep(scene, false, MOST);
    }

    /**
     * Sweeps a call that needs more memory than other calls, and fails like {@link #sweep(Class)}.
     *
     * @param scene a class with a constructor without arguments
     */
    static void sweepLarge(Class<? extends StackSweep.Scene> scene) throws Exception {
        sweep(scene, 2);
    }

    /**
     * Sweeps a call that needs up to so many times the memory of other calls, and fails like {@link #sweep(Class)}.
     *
     * @param scene a class with a constructor without arguments
     */
    static void sweep(Class<? extends StackSweep.Scene> scene, int times) throws Exception {
        sweep(scene, false, times * MOST);
    }

    /**
     * Sweeps a call that needs no memory, and fails if a run was judged wrong. The scene must check that the call did
     * not fail.
     *
     * @param scene a class with a constructor without arguments
     */
    static void sweepWithoutNeed(Class<? extends StackSweep.Scene> scene) throws Exception {
        sweep(scene, true, MOST);
    }

    private static void sweep(Class<? extends StackSweep.Scene> scene, boolean needsNoMemory, int most)
            throws Exception {
        List<String> options = List.of(
                "-XX:TieredStopAtLevel=1",
                "-Xmx10m",
                "-XX:+UseSerialGC",
                "-XX:-UseTLAB",
                "-XX:MaxDirectMemorySize=512m");
        int step = Boolean.getBoolean("samara.torture") ? STEP : STRIDE * STEP;
        ChildJvm.run(
                HeapSweep.class,
                VERDICT,
                options,
                scene.getName(),
                Boolean.toString(needsNoMemory),
                Integer.toString(step),
                Integer.toString(most));
    }

    /**
     * Runs the sweep.
     *
     * @param arguments the name of the scene's class, whether its call needs no memory, the step in bytes, and the
     *     maximum number of bytes
     */
    public static void main(String[] arguments) throws Exception {
        initialize();
        HeapSweep sweep = new HeapSweep(
                Class.forName(arguments[0]).asSubclass(StackSweep.Scene.class),
                Boolean.parseBoolean(arguments[1]),
                Integer.parseInt(arguments[2]),
                Integer.parseInt(arguments[3]));
        // Daemon threads may be stuck, so exit explicitly; the status is the verdict.
        System.exit(sweep.run() ? 0 : 1);
    }

    /** Initializes all classes, because a class whose initializer runs out of memory would be lost for good. */
    private static void initialize() throws Exception {
        for (String name : classNames()) {
            Class.forName(name);
        }
    }

    /** Returns the names of all classes of the library. */
    static List<String> classNames() throws Exception {
        List<String> names = new ArrayList<>();
        for (Class<?> each : List.of(Machine.class, MapleTree.class)) {
            Path home = ChildJvm.home(each);
            if (Files.isDirectory(home)) {
                names.addAll(classNames(home));
            } else {
                try (FileSystem archive = FileSystems.newFileSystem(URI.create("jar:" + home.toUri()), Map.of())) {
                    names.addAll(classNames(archive.getPath("/")));
                }
            }
        }
        return names;
    }

    private static List<String> classNames(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.map(file -> root.relativize(file).toString())
                    .filter(file -> file.matches("dev.*[A-Za-z0-9]\\.class") && !file.contains("-info"))
                    .map(file ->
                            file.substring(0, file.length() - ".class".length()).replaceAll("[/\\\\]", "."))
                    .collect(Collectors.toList());
        }
    }

    private boolean run() throws Exception {
        // Links the classes that the call and its judge need.
        for (int i = 0; i < 3; i++) {
            one(-1);
        }
        if (!wrong.isEmpty() || met.size() != 1) {
            throw new AssertionError("with an empty heap: " + met + wrong);
        }
        // Resolves the classes that handlers along the way catch; this also needs memory, and fails only the first
        // time.
        for (int left = 0; left < most; left += 8 * STEP) {
            one(left);
        }
        met.clear();
        wrong.clear();
        int runs = 0;
        for (int left = 0; left <= most && wrong.size() < MOST_WRONG; left += step) {
            one(left);
            runs++;
        }
        met.forEach((what, times) -> System.out.println(times + " x " + what));
        wrong.forEach(System.out::println);
        System.out.println(VERDICT + runs + " runs, wrong: " + wrong.size());
        return wrong.isEmpty() && (needsNoMemory || met.size() > 1);
    }

    /** The call of one run. Its fields can be read while no memory is free for anything else. */
    private static final class Caller implements Runnable {
        private final StackSweep.Scene scene;
        private final int left;
        private boolean isReturned;
        private @Nullable Throwable thrown;
        private volatile boolean isBegun;
        private volatile boolean isOver;

        Caller(StackSweep.Scene scene, int left) {
            this.scene = scene;
            this.left = left;
        }

        /** Resolves the class that {@link #run} catches, while memory is available. */
        private void resolve() {
            try {
                throw new OutOfMemoryError("none");
            } catch (Throwable error) {
                thrown = error;
            }
            thrown = null;
        }

        @Override
        public void run() {
            resolve();
            scene.prepare();
            if (left >= 0) {
                fill(left);
            }
            isBegun = true;
            try {
                isReturned = scene.call();
            } catch (Throwable error) {
                thrown = error;
            }
            isOver = true;
        }
    }

    /** Makes one run with a number of free bytes in the heap; a negative number leaves the heap empty. */
    private void one(int left) throws Exception {
        collectEarlier();
        Caller caller = new Caller(scene(), left);
        Thread thread = new Thread(caller, "caller");
        thread.setDaemon(true);
        // The JVM loads a class when a thread first parks, so park before the heap is full.
        LockSupport.parkNanos(1);
        thread.start();
        while (!caller.isBegun) {
            LockSupport.parkNanos(1_000_000);
        }
        long begun = System.nanoTime();
        while (!caller.isOver && System.nanoTime() - begun < PATIENCE_MILLIS * 1_000_000L) {
            LockSupport.parkNanos(1_000_000);
        }
        boolean isPatient = !caller.isOver;
        ballast = null;
        while (!caller.isOver && System.nanoTime() - begun < SECONDS * 1_000_000_000L) {
            LockSupport.parkNanos(1_000_000);
        }
        String where = "the call has not returned";
        try {
            if (!caller.isOver) {
                throw new AssertionError(StackSweep.stacks());
            }
            where = caller.isReturned
                    ? "returned" + (isPatient && left >= 0 ? " once there was memory" : "")
                    : caller.thrown == null ? "refused" : StackSweep.where(caller.thrown);
            StackSweep.within(() -> {
                caller.scene.judge(caller.thrown);
                return null;
            });
        } catch (AssertionError violation) {
            wrong.add("WRONG with " + left + " bytes: " + where + ": " + violation.getMessage()
                    + (violation.getCause() == null ? "" : ", " + violation.getCause()));
        }
        met.merge(where, 1, Integer::sum);
    }

    /**
     * Frees the direct memory of earlier runs while memory is available, because the JDK terminates the JVM if the
     * cleaner of a buffer finds the heap full. The cleaners of one collection have run when the references of the next
     * collection arrive.
     */
    private static void collectEarlier() throws InterruptedException {
        for (int i = 0; i < 2; i++) {
            ReferenceQueue<Object> collected = new ReferenceQueue<>();
            PhantomReference<Object> marker = new PhantomReference<>(new Object(), collected);
            try {
                while (collected.remove(1) == null) {
                    System.gc();
                }
            } finally {
                Reference.reachabilityFence(marker);
            }
        }
    }

    private StackSweep.Scene scene() throws ReflectiveOperationException {
        var constructor = scenes.getDeclaredConstructor();
        constructor.setAccessible(true);
        return constructor.newInstance();
    }

    private static void fill(int left) {
        gap = left < 16 ? null : new byte[left - 16];
        for (int words = 1 << 18; words > 0; words >>= 6) {
            fillWith(words);
        }
        gap = null;
    }

    private static void fillWith(int words) {
        boolean isFull = false;
        while (!isFull) {
            try {
                Object[] more = new Object[words];
                more[0] = ballast;
                ballast = more;
            } catch (OutOfMemoryError full) {
                isFull = true;
            }
        }
    }
}
