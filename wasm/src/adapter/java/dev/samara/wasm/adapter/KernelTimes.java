// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.TestedFunction;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * The CPU time of kernels with one kind of memory, for {@link Comparison}, in a separate JVM. The kinds are bytes,
 * samara and samara4k. Prints a line for each kernel: its name, nanoseconds, and its result.
 */
final class KernelTimes {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final int WARM_UPS = 12;
    private static final int TIMES = 5;
    private static final int CALLS = 1_000_000;
    private static final int FORKS = 20;
    private static final int FORKED_PAGES = 1 << 10;

    private static final String SCRIPT = """
            function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
            let words = [];
            for (let i = 0; i < 3000; i++) { words.push({ key: (i * 7919) % 8009, text: "word " + i }); }
            words.sort((one, other) => one.key - other.key);
            console.log(fib(17), words[17].text, JSON.stringify(words).length);
            """;

    private static final TestedRuntime RUNTIME = TestedRuntime.get();

    private final TestedInstance instance;

    private KernelTimes(TestedInstance instance) {
        this.instance = instance;
    }

    /** Measures the kernels or the program: {@code KernelTimes KIND kernels|quickjs}. */
    public static void main(String[] arguments) {
        int tlb = Integer.getInteger("wasm.tlb", 1 << 18);
        try (Machine machine =
                Machine.builder().memory(4L << 30).tlbEntries(tlb).build()) {
            if (arguments[1].equals("quickjs")) {
                QuickJs script = QuickJs.start(
                        RUNTIME,
                        (initial, maximum, isShared) -> memory(arguments[0], machine, initial, maximum, isShared));
                print("QuickJS", () -> script.run(SCRIPT).hashCode());
                close(script.memory());
            } else {
                kernels(arguments[0], machine);
            }
        }
    }

    private static void kernels(String kind, Machine machine) {
        TestedInstance instance = RUNTIME.program(TestModules.kernels(), true)
                .start(
                        (initial, maximum, isShared) -> memory(kind, machine, initial, maximum, isShared),
                        RUNTIME.imports());
        KernelTimes times = new KernelTimes(instance);
        times.measure();
        times.forks(kind, machine);
        close(instance.memory(0));
    }

    private static Object memory(String kind, Machine machine, int initial, int maximum, boolean isShared) {
        return switch (kind) {
            case "bytes" -> RUNTIME.ownMemory(initial, maximum, isShared);
            case "samara" -> RUNTIME.linearMemory(machine, LinearMemory.PAGES_64K, initial, maximum, isShared);
            case "samara4k" -> RUNTIME.linearMemory(machine, Geometry.flat(32), initial, maximum, isShared);
            default -> throw new IllegalArgumentException("memory " + kind + " is not bytes, samara or samara4k");
        };
    }

    private static void close(Object memory) {
        if (memory instanceof LinearMemory of) {
            of.close();
        }
    }

    private long call(String name, long... arguments) {
        long[] results = instance.call(name, arguments);
        return results.length == 0 ? 0 : results[0];
    }

    private void measure() {
        call("grow", (1 << 14) + 16 - Accesses.of(RUNTIME, instance.memory(0)).pages());
        print("sieve", () -> call("sieve", 4_000_000));
        print("matrix", () -> call("matrix", 200));
        print("random in 64 KiB", () -> call("random", 16, 5_000_000));
        print("random in 8 MiB", () -> call("random", 23, 2_000_000));
        print("random in 64 MiB", () -> call("random", 26, 2_000_000));
        print("random in 1 GiB", () -> call("random", 30, 2_000_000));
        print("copy of 4 KiB", () -> call("copies", 1 << 12, 20_000));
        print("copy of 1 MiB", () -> call("copies", 1 << 20, 100));
        TestedFunction increment = instance.function("increment");
        print("call", () -> {
            long last = 0;
            for (int i = 0; i < CALLS; i++) {
                last = increment.apply()[0];
            }
            return last;
        });
    }

    /** Copies 64 MiB by a fork or through an array, and writes one page in each copy. */
    private void forks(String kind, Machine machine) {
        Object warm = memory(kind, machine, FORKED_PAGES, FORKED_PAGES, false);
        Accesses accesses = Accesses.of(RUNTIME, warm);
        for (int i = 0; i < FORKED_PAGES; i++) {
            accesses.writeByte(i * Accesses.PAGE_SIZE, (byte) 1);
        }
        print("copy of a memory", () -> {
            long sum = 0;
            for (int i = 0; i < FORKS; i++) {
                Object copy = warm instanceof LinearMemory of ? of.fork() : copy(accesses);
                Accesses written = Accesses.of(RUNTIME, copy);
                written.writeByte(i, (byte) 2);
                sum += written.read(Accesses.PAGE_SIZE) + written.read(i);
                close(copy);
            }
            return sum;
        });
        close(warm);
    }

    private static Object copy(Accesses of) {
        Object copy = RUNTIME.ownMemory(FORKED_PAGES, FORKED_PAGES, false);
        Accesses.of(RUNTIME, copy).write(0, of.readBytes(0, FORKED_PAGES * Accesses.PAGE_SIZE));
        return copy;
    }

    private static void print(String name, LongSupplier kernel) {
        long result = 0;
        for (int i = 0; i < WARM_UPS; i++) {
            result = kernel.getAsLong();
        }
        long[] times = new long[TIMES];
        for (int i = 0; i < TIMES; i++) {
            long before = THREADS.getCurrentThreadCpuTime();
            result = kernel.getAsLong();
            times[i] = THREADS.getCurrentThreadCpuTime() - before;
        }
        Arrays.sort(times);
        System.out.printf(Locale.ROOT, "%s;%d;%d%n", name, times[TIMES / 2], result);
    }
}
