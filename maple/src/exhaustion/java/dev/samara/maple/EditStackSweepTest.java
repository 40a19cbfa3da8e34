// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.io.File;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls that overflow the stack, in interpreted and in compiled code. */
@DisplayName("At the end of the stack,")
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class EditStackSweepTest {
    private static final String VERDICT = "nothing is left behind";
    private static final int SECONDS = 600;

    /**
     * Recurses to the end of the stack, and makes a call in one of the last frames, nearer to the end from run to run.
     * Afterwards the thread must hold the lock as often as before, and the tree must contain what it contained before,
     * or, if the call returned, what the call stores.
     */
    static final class Sweep {
        private static final int STACK_BYTES = 192 << 10;

        private static final Object OWNER = new Object();

        /** The calls, by name. Each changes the contents of a {@link #tree}, or takes the lock. */
        private static final Map<String, Consumer<MapleTree<String>>> CALLS = new LinkedHashMap<>();

        static {
            CALLS.put("store", tree -> tree.store(55, 57, "new"));
            CALLS.put("store at the end", tree -> tree.store(5000, 5009, "new"));
            CALLS.put("store over an owner's", tree -> tree.store(3000, 3005, "new", OWNER));
            CALLS.put("insert", tree -> tree.insert(2500, 2509, "new"));
            CALLS.put("erase", tree -> tree.erase(105, 1205));
            CALLS.put("erase an owner's", tree -> tree.erase(3000, 3009, OWNER));
            CALLS.put("eraseEntry", tree -> tree.eraseEntry(104));
            CALLS.put("storeCoalescing", tree -> tree.storeCoalescing(60, 69, "5"));
            CALLS.put("compute", tree -> tree.compute(55, 105, value -> value == null ? "new" : null));
            CALLS.put("merge", tree -> tree.merge(55, 105, "new", String::concat));
            CALLS.put("storeAll", tree -> tree.storeAll(tree(new ReentrantLock(), 200)));
            CALLS.put("clear", tree -> tree.erase(0, 2999));
            CALLS.put("storeLowest", tree -> tree.storeLowest(new GapSearch().size(20), "new"));
            CALLS.put("storeHighest", tree -> tree.storeHighest(new GapSearch().size(20), "new"));
            CALLS.put(
                    "update",
                    tree -> tree.update(all -> {
                        all.erase(105, 1205);
                        all.store(1105, 1107, "new");
                        all.storeCoalescing(60, 69, "5");
                    }));
            CALLS.put("begin", tree -> {
                // The caller's lock, which is held here.
                try (Transaction<String> all = tree.begin()) {
                    all.store(1105, 1107, "new");
                    all.commit();
                }
            });
            CALLS.put("writer", tree -> {
                try (Writer<String> writer = tree.writer()) {
                    writer.store(1105, 1107, "new");
                }
            });
            CALLS.put("snapshot", tree -> tree.snapshot());
            CALLS.put("version", tree -> tree.version());
            CALLS.put("validate", tree -> tree.validate());
        }

        private static int thrown;
        private static int returned;
        private static final List<String> wrong = new ArrayList<>();

        private Sweep() {}

        public static void main(String[] arguments) throws InterruptedException {
            int warmup = Integer.parseInt(arguments[0]);
            int depths = Integer.parseInt(arguments[1]);
            int rounds = Integer.parseInt(arguments[2]);
            for (int i = 0; i < warmup; i++) {
                CALLS.values().forEach(call -> callOnce(call, tree(new ReentrantLock(), 10)));
            }
            for (int round = 0; round < rounds; round++) {
                // Each frame above the others is 8 bytes wider, and shifts those.
                int pads = round;
                Thread thread = new Thread(null, () -> sweepBelow(pads, depths), "sweeps", STACK_BYTES);
                thread.start();
                thread.join();
            }
            boolean isGood = wrong.isEmpty() && thrown > 0 && returned > 0;
            wrong.stream().distinct().limit(20).forEach(System.out::println);
            System.out.println(returned + " calls returned, " + thrown + " overflowed the stack, " + wrong.size()
                    + " wrong: " + (isGood ? VERDICT : "failed"));
            System.exit(isGood ? 0 : 1);
        }

        /** Returns a tree with some entries, a reservation and an open era. */
        private static MapleTree<String> tree(@Nullable ReentrantLock lock, int entries) {
            MapleTree<String> tree = lock == null ? new MapleTree<>() : new MapleTree<>(lock);
            for (int i = 0; i < entries; i++) {
                tree.store(i * 10L, i * 10L + 5, "" + i);
            }
            tree.reserve(3000, 3009, OWNER);
            tree.store(1100, 1109, "era");
            return tree;
        }

        private static void sweepBelow(int pads, int depths) {
            for (Map.Entry<String, Consumer<MapleTree<String>>> call : CALLS.entrySet()) {
                boolean holds = call.getKey().equals("begin");
                for (int depth = 0; depth < depths; depth++) {
                    sweep(call.getKey(), call.getValue(), pads, depth, holds || depth % 3 == 0);
                }
            }
        }

        private static void sweep(String name, Consumer<MapleTree<String>> call, int pads, int depth, boolean holds) {
            ReentrantLock lock = depth % 2 == 0 ? new ReentrantLock() : null;
            MapleTree<String> tree = tree(lock, 10);
            List<RangeEntry<String>> before = tree.entries();
            MapleTree<String> model = tree(null, 10);
            callOnce(call, model);
            List<RangeEntry<String>> after = model.entries();
            // A snapshot ends the open era.
            tree.store(1100, 1109, "era");
            if (holds) {
                tree.writerLock().lock();
            }
            int[] left = {depth, 0};
            pad(pads, () -> call.accept(tree), left, 0);
            boolean isDone = left[1] == 1;
            thrown += isDone ? 0 : 1;
            returned += isDone ? 1 : 0;
            String where = name + (holds ? ", lock held before" : "") + (lock == null ? ": " : ", caller's lock: ");
            int held = tree.writerLock().getHoldCount();
            if (held != (holds ? 1 : 0)) {
                wrong.add(where + "the lock is held " + held + " times");
            }
            try {
                tree.validate();
                if (!tree.entries().equals(isDone ? after : before)) {
                    wrong.add(where + (isDone ? "returned" : "thrown") + " with " + tree.entries());
                }
                tree.update(all -> all.store(0, 9, "next"));
            } catch (AssertionError | RuntimeException e) {
                wrong.add(where + e);
            }
        }

        private static void callOnce(Consumer<MapleTree<String>> call, MapleTree<String> tree) {
            tree.writerLock().lock();
            try {
                call.accept(tree);
            } finally {
                tree.writerLock().unlock();
            }
        }

        /** Its frame is one local variable wider than that of {@link #end}. */
        private static int pad(int pads, Runnable call, int[] left, long wider) {
            return pads == 0 ? end(call, left) : 1 + pad(pads - 1, call, left, wider);
        }

        /**
         * Makes the call {@code left[0]} frames above the last frame that fits, and sets {@code left[1]} if it returns.
         */
        @SuppressWarnings("InfiniteRecursion") // it ends with a stack overflow
        private static int end(Runnable call, int[] left) {
            int depth = 0;
            try {
                depth = 1 + end(call, left);
            } catch (StackOverflowError e) {
                // The last frame that fits, or the call has thrown.
                depth = 1;
            }
            if (left[0]-- == 0) {
                try {
                    call.run();
                    left[1] = 1;
                } catch (StackOverflowError e) {
                    left[1] = 2;
                }
            }
            return depth;
        }
    }

    /** The options of a JVM that compiles the check of the stack only, and interprets the lock and the edits. */
    private static final String RESERVE_ONLY =
            "'-Xcomp -XX:CompileCommand=quiet -XX:CompileCommand=compileonly,dev.samara.maple.MapleTree::requireStack'";

    @Test
    @DisplayName("a call that is interpreted is made, or changes nothing; it keeps no lock in either case")
    void interpreted() throws Exception {
        sweep("-Xint", "0 60 1");
    }

    @ParameterizedTest
    @Explored(3)
    @CsvSource(
            delimiter = '|',
            value = {
                RESERVE_ONLY + " | 0 60 1",
                "-XX:TieredStopAtLevel=1 | 2000 120 2",
                "-XX:+TieredCompilation | 2000 120 2"
            })
    @DisplayName("a call is made, or changes nothing; it keeps no lock in either case")
    void sweep(String options, String arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options.split(" ")));
        command.addAll(List.of("-Xmx256m", "-XX:-StackTraceInThrowable", "-cp", classPath(), Sweep.class.getName()));
        command.addAll(List.of(arguments.split(" ")));
        Path out = Files.createTempFile("sweep", ".txt");
        try {
            Process jvm = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(out.toFile())
                    .start();
            boolean ended = jvm.waitFor(SECONDS, TimeUnit.SECONDS);
            jvm.destroyForcibly();
            String said = Files.readString(out);
            assertTrue(ended, () -> "not ended after " + SECONDS + " s:\n" + said);
            assertEquals(0, jvm.exitValue(), said);
            assertTrue(said.contains(VERDICT), said);
        } finally {
            Files.delete(out);
        }
    }

    /** Returns the folders or jars of the library and of this test, which are parts of one module in the test's JVM. */
    private static String classPath() throws URISyntaxException {
        List<String> homes = new ArrayList<>();
        for (Class<?> of : List.of(MapleTree.class, EditStackSweepTest.class)) {
            String file = of.getSimpleName() + ".class";
            String url = Objects.requireNonNull(of.getResource(file)).toString();
            String root = url.substring(0, url.length() - of.getPackageName().length() - 1 - file.length());
            homes.add(Path.of(new URI(root.replaceAll("^jar:|!?/$", ""))).toString());
        }
        return String.join(File.pathSeparator, homes);
    }
}
