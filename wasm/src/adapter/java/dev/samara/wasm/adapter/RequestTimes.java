// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstancePool;
import dev.samara.wasm.InstancePool.Lease;
import dev.samara.wasm.InstancePool.Member;
import dev.samara.wasm.InstancePool.WhenEmpty;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeoutException;

/**
 * What isolation adds to a request: a restore of an instance, and requests of QuickJS a second without isolation, in a
 * pool, in a fork for each, and in a rival's memory, which is the only thing that is reset there ({@link PagedMemory}).
 * The kinds alternate in one JVM; each figure is a median of rounds, with the smallest and the largest.
 *
 * <p>{@code mvn -q -P compare -pl wasm/endive -am test -DskipTests -Dwasm.measured=RequestTimes -Dwasm.rounds=9}, or
 * {@code wasm/chicory}
 */
final class RequestTimes {
    private static final TestedRuntime RUNTIME = TestedRuntime.get();
    private static final int WRITTEN = 10;
    private static final int RESTORES = 2_000;
    private static final long ROUND_NANOS = 500_000_000;
    private static final int WARM_UPS = 4;
    private static final Duration LONG = Duration.ofMinutes(1);

    /** A request that writes some ten pages, and one that computes for longer. */
    private static final List<String> SCRIPTS = List.of("console.log(1 + 1);", """
            const list = [];
            for (let i = 0; i < 200; i++) { list.push({ key: (i * 7919) % 8009, text: "word " + i }); }
            list.sort((one, other) => one.key - other.key);
            console.log(list[17].text, JSON.stringify(list).length);
            """);

    private RequestTimes() {}

    /** Measures: {@code RequestTimes [ROUNDS]}. */
    public static void main(String[] arguments) throws Exception {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 9;
        try (Machine machine = Machine.builder().memory(2L << 30).build()) {
            restores(machine, rounds);
            for (int pages : new int[] {16, 64, 256, 1024}) {
                isolations(machine, rounds, pages);
            }
            for (String script : SCRIPTS) {
                requests(machine, rounds, script);
            }
        }
    }

    @FunctionalInterface
    private interface Round {
        double measure() throws Exception;
    }

    /** Measures the kinds in turn, and prints a line for each. */
    private static void print(int rounds, List<String> names, List<Round> kinds) throws Exception {
        double[][] figures = new double[kinds.size()][rounds];
        for (int round = -WARM_UPS; round < rounds; round++) {
            for (int kind = 0; kind < kinds.size(); kind++) {
                double figure = kinds.get(kind).measure();
                if (round >= 0) {
                    figures[kind][round] = figure;
                }
            }
        }
        for (int kind = 0; kind < kinds.size(); kind++) {
            Arrays.sort(figures[kind]);
            System.out.printf(
                    Locale.ROOT,
                    "%-42s %10.2f  (%.2f to %.2f)%n",
                    names.get(kind),
                    figures[kind][rounds / 2],
                    figures[kind][0],
                    figures[kind][rounds - 1]);
        }
    }

    private static void restores(Machine machine, int rounds) throws Exception {
        List<String> names = new ArrayList<>();
        List<Round> kinds = new ArrayList<>();
        List<AutoCloseable> open = new ArrayList<>();
        for (int pages : new int[] {26, 4096}) {
            TestedInstance instance = RUNTIME.program(TestModules.kernels(), RUNTIME.compiles())
                    .start(
                            (initial, maximum, isShared) ->
                                    RUNTIME.linearMemory(machine, LinearMemory.PAGES_64K, pages, maximum, isShared),
                            RUNTIME.imports());
            LinearMemory memory = (LinearMemory) instance.memory(0);
            write(memory, pages, 1);
            InstanceCheckpoint checkpoint = instance.checkpoint();
            open.add(checkpoint);
            open.add(memory);
            names.add("us, restore of 10 pages of " + pages);
            kinds.add(() -> {
                long nanos = 0;
                for (int i = 0; i < RESTORES; i++) {
                    write(memory, WRITTEN, pages / WRITTEN);
                    long before = System.nanoTime();
                    checkpoint.restore();
                    nanos += System.nanoTime() - before;
                }
                return nanos / 1e3 / RESTORES;
            });
        }
        print(rounds, names, kinds);
        for (AutoCloseable each : open) {
            each.close();
        }
    }

    /**
     * Measures requests that write to ten pages: instance, request and end together, by the size of the memory. A copy
     * is a new instance with a memory of the runtime, to which the saved bytes are written.
     */
    private static void isolations(Machine machine, int rounds, int pages) throws Exception {
        TestedRuntime.Program program = RUNTIME.program(TestModules.kernels(), RUNTIME.compiles());
        TestedInstance warm = warm(machine, program, LinearMemory.PAGES_64K, pages);
        TestedInstance fine = warm(machine, program, Geometry.flat(32), pages);
        LinearMemory memory = (LinearMemory) warm.memory(0);
        byte[] saved = memory.enter(() -> memory.readBytes(0, pages * Accesses.PAGE_SIZE));
        TestedInstance rival =
                program.start((initial, maximum, isShared) -> RUNTIME.pagedMemory(pages, maximum), RUNTIME.imports());
        PagedMemory paged = (PagedMemory) rival.memory(0);
        paged.write(0, saved, 0, saved.length);
        paged.save();
        try (InstancePool<TestedInstance> pool = pool(warm);
                InstancePool<TestedInstance> finePool = pool(fine)) {
            print(
                    rounds,
                    List.of(
                            "us, " + pages + " pages, a copy for each request",
                            "us, " + pages + " pages, a fork for each request",
                            "us, " + pages + " pages, a pool",
                            "us, " + pages + " pages, a pool, in pages of 4 KiB",
                            "us, " + pages + " pages, a reset of the rival"),
                    List.of(
                            () -> micros(() -> {
                                TestedInstance copy = program.start(
                                        (initial, maximum, isShared) -> RUNTIME.ownMemory(pages, maximum, isShared),
                                        RUNTIME.imports());
                                Accesses.of(RUNTIME, copy.memory(0)).write(0, saved);
                                return touch(copy);
                            }),
                            () -> micros(() -> {
                                TestedInstance fork = warm.fork(null);
                                String result = touch(fork);
                                ((LinearMemory) fork.memory(0)).close();
                                return result;
                            }),
                            () -> micros(() -> touchPooled(pool)),
                            () -> micros(() -> touchPooled(finePool)),
                            () -> micros(() -> {
                                String result = touch(rival);
                                paged.reset();
                                return result;
                            })));
        }
        memory.close();
        ((LinearMemory) fine.memory(0)).close();
    }

    private static TestedInstance warm(Machine machine, TestedRuntime.Program program, Geometry geometry, int pages) {
        TestedInstance warm = program.start(
                (initial, maximum, isShared) -> RUNTIME.linearMemory(machine, geometry, pages, maximum, isShared),
                RUNTIME.imports());
        write((LinearMemory) warm.memory(0), pages, 1);
        return warm;
    }

    private static InstancePool<TestedInstance> pool(TestedInstance warm) {
        return InstancePool.of(1, WhenEmpty.WAIT, () -> {
            TestedInstance fork = warm.fork(null);
            return new Member<>(fork, fork.checkpoint());
        });
    }

    private static String touchPooled(InstancePool<TestedInstance> pool) throws InterruptedException, TimeoutException {
        try (Lease<TestedInstance> lease = pool.take(LONG)) {
            return touch(lease.instance());
        }
    }

    private static String touch(TestedInstance instance) {
        long[] none = instance.call("touch", WRITTEN, 7);
        return "touched" + none.length;
    }

    private static double micros(Callable<String> request) throws Exception {
        return 1e6 / rate(request);
    }

    private static void write(LinearMemory memory, int pages, int stride) {
        memory.enter(() -> {
            for (int i = 0; i < pages; i++) {
                memory.writeI32(i * stride * Accesses.PAGE_SIZE, i + 1);
            }
            return 0;
        });
    }

    private static QuickJs start(Machine machine) {
        QuickJs started = QuickJs.start(RUNTIME, RUNTIME.factory(machine));
        started.run("globalThis.ready = true;");
        return started;
    }

    private static void requests(Machine machine, int rounds, String script) throws Exception {
        QuickJs warm = start(machine);
        QuickJs plain = start(machine);
        QuickJs reset = warm.fork();
        QuickJs rival = QuickJs.start(RUNTIME, (initial, maximum, isShared) -> RUNTIME.pagedMemory(initial, maximum));
        rival.run("globalThis.ready = true;");
        PagedMemory paged = (PagedMemory) rival.memory();
        paged.save();
        InstanceCheckpoint checkpoint = reset.checkpoint();
        long[] restored = new long[2];
        try (InstancePool<QuickJs> pool = InstancePool.of(4, WhenEmpty.WAIT, () -> {
            QuickJs fork = warm.fork();
            return new Member<>(fork, fork.checkpoint());
        })) {
            System.out.println(script.lines().findFirst().orElse(""));
            print(
                    rounds,
                    List.of(
                            "requests a second, without isolation",
                            "requests a second, with a restore",
                            "us, that restore",
                            "requests a second, in a pool",
                            "requests a second, in a pool, four threads",
                            "requests a second, in a fork for each",
                            "requests a second, in the rival, without a reset",
                            "requests a second, in the rival, with a reset"),
                    List.of(
                            () -> rate(() -> plain.run(script)),
                            () -> {
                                Arrays.fill(restored, 0);
                                return rate(() -> {
                                    String printed = reset.run(script);
                                    long before = System.nanoTime();
                                    checkpoint.restore();
                                    restored[0] += System.nanoTime() - before;
                                    restored[1]++;
                                    return printed;
                                });
                            },
                            () -> restored[0] / 1e3 / restored[1],
                            () -> rate(() -> pooled(pool, script)),
                            () -> rates(() -> pooled(pool, script)),
                            () -> rate(() -> {
                                QuickJs fork = warm.fork();
                                String printed = fork.run(script);
                                ((LinearMemory) fork.memory()).close();
                                return printed;
                            }),
                            () -> rate(() -> rival.run(script)),
                            () -> {
                                paged.reset();
                                return rate(() -> {
                                    String printed = rival.run(script);
                                    paged.reset();
                                    return printed;
                                });
                            }));
            System.out.println(pool.statistics());
        }
        checkpoint.close();
        for (QuickJs each : List.of(warm, plain, reset)) {
            ((LinearMemory) each.memory()).close();
        }
    }

    private static String pooled(InstancePool<QuickJs> pool, String script)
            throws InterruptedException, TimeoutException {
        try (Lease<QuickJs> lease = pool.take(LONG)) {
            return lease.instance().run(script);
        }
    }

    /** Makes requests for some time, and returns how many a second. */
    private static double rate(Callable<String> request) throws Exception {
        String first = request.call();
        long start = System.nanoTime();
        long now = start;
        long done = 0;
        while (now - start < ROUND_NANOS) {
            if (!request.call().equals(first)) {
                throw new IllegalStateException("a request printed something else than the first");
            }
            done++;
            now = System.nanoTime();
        }
        return done * 1e9 / (now - start);
    }

    /**
     * Does what {@link #rate} does with four threads, virtual ones if there are such. Each makes the same number of
     * requests, because a virtual thread may start after others have ended.
     */
    private static double rates(Callable<String> request) throws Exception {
        int each = (int) Math.max(1, rate(request) * ROUND_NANOS / 1e9 / 2);
        List<FutureTask<String>> tasks = new ArrayList<>();
        long start = System.nanoTime();
        for (int i = 0; i < 4; i++) {
            FutureTask<String> task = new FutureTask<>(() -> {
                String last = "";
                for (int j = 0; j < each; j++) {
                    last = request.call();
                }
                return last;
            });
            tasks.add(task);
            start(task);
        }
        for (FutureTask<String> task : tasks) {
            String unused = task.get();
        }
        return 4 * each * 1e9 / (System.nanoTime() - start);
    }

    private static void start(Runnable task) throws ReflectiveOperationException {
        if (Runtime.version().feature() >= 21) {
            Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, task);
        } else {
            new Thread(task, "requests").start();
        }
    }
}
