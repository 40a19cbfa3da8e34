// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measures what memory costs an emulator. Runs the programs of {@link GuestProgram}, interpreted and translated, on one
 * array, on a hand-written page table, and on a CPU of Samara.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar interpreter --seconds 3 --json FILE}. Each combination of program
 * and memory runs in a new JVM, whose options are {@link #JVM_OPTIONS} followed by those of this JVM. A figure is guest
 * instructions per microsecond of CPU time, for the best run of the program within the given time, after a warm-up of
 * the same length. A run takes milliseconds or tens of milliseconds. The best run is the one that other programs
 * disturbed least: a program on the core's other hardware thread slows down a run by a third, and CPU time includes
 * this delay. A row of the file contains {@code engine}, {@code work}, {@code memory}, {@code mips}, and {@code
 * bytecode}: the size of each translated region in bytes.
 */
public final class InterpreterBenchmark {
    private static final List<String> ENGINES = List.of("interpreter", "translator");
    private static final List<String> MEMORIES = List.of("array", "paged", "fast");
    private static final int FIRST_WITH_SEGMENTS = 22;

    /** The memories of the translator, which supports several ways to access a CPU's memory. */
    private static final List<String> WAYS = List.of("array", "paged", "fast", "tlb", "kept", "segment");

    private static final List<String> WORKS = List.of("sieve", "matrix", "quicksort", "chase", "rewrite");

    /**
     * The options of each JVM, for every memory. With {@code -Xbatch}, the interpreter's thread waits for the compiler.
     * Background compilation would use a different profile in each JVM, and so generate different code. The heap size
     * is the same as in the other benchmarks.
     */
    private static final List<String> JVM_OPTIONS = List.of("-Xms1g", "-Xmx1g", "-Xbatch");

    private static final long CODE = 0x1_0000;
    private static final long CODE_BYTES = 1 << 12;
    private static final long DATA = 0x10_0000;
    private static final double NANOS_PER_SECOND = 1e9;

    private final List<String> engines;
    private final List<String> works;
    private final List<String> memories;
    private final double seconds;
    private final Figures figures;

    private InterpreterBenchmark(String[] words) {
        Arguments arguments = new Arguments(words);
        works = arguments.list("--work", WORKS, WORKS);
        engines = arguments.list("--engine", ENGINES, ENGINES);
        memories = arguments.list("--memory", WAYS, WAYS);
        seconds = arguments.number("--seconds", 3);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(InterpreterBenchmark.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment; {@code --engine}, {@code --work} and {@code --memory} restrict
     *     the combinations
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new InterpreterBenchmark(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line("%-12s %-10s %-8s %10s  %s", "engine", "work", "memory", "MIPS", "bytecode of regions");
        for (String engine : engines) {
            for (String work : works) {
                for (String memory : memories) {
                    if (isThere(engine, memory)) {
                        measure(engine, work, memory);
                    }
                }
            }
        }
        figures.write();
    }

    private static boolean isThere(String engine, String memory) {
        return engine.equals("interpreter")
                ? MEMORIES.contains(memory)
                : !memory.equals("segment") || Runtime.version().feature() >= FIRST_WITH_SEGMENTS;
    }

    private void measure(String engine, String work, String memory) throws InterruptedException {
        String[] words = measuredApart(engine, work, memory, seconds).split(" ", 2);
        double mips = Double.parseDouble(words[0]);
        Figures.line("%-12s %-10s %-8s %10.1f  %s", engine, work, memory, mips, words[1]);
        figures.row("engine", engine, "work", work, "memory", memory, "mips", mips, "bytecode", words[1]);
    }

    /**
     * Measures in a new JVM, which loads only this implementation of the memory.
     *
     * @return the output of the new JVM: the guest instructions per microsecond, and the sizes of regions
     */
    static String measuredApart(String engine, String work, String memory, double seconds) throws InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JVM_OPTIONS);
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Alone.class.getName()));
        command.addAll(List.of(engine, work, memory, Double.toString(seconds)));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            String line;
            try (BufferedReader output =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                line = output.readLine();
            }
            int status = process.waitFor();
            if (status != 0 || line == null) {
                throw new IllegalStateException(
                        engine + " of " + work + " on " + memory + " ended with status " + status);
            }
            return line;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The main class of the new JVM. */
    static final class Alone {
        private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

        private Alone() {}

        /**
         * Measures one program on one memory, and prints the figure and the sizes of the regions.
         *
         * @param words the engine, the program, the memory, and the seconds
         */
        public static void main(String[] words) {
            GuestProgram work = GuestProgram.valueOf(words[1].toUpperCase(Locale.ROOT));
            double seconds = Double.parseDouble(words[3]);
            if (words[0].equals("interpreter")) {
                Interpreter interpreter = loaded(work, memory(words[2], work));
                System.out.println(mips(interpreter, work, seconds) + " []");
            } else {
                TranslatedGuest guest = translated(work, memory(words[2], work), words[2]);
                System.out.println(mips(guest, work, seconds) + " " + guest.sizes());
            }
        }
    }

    /** Returns a memory for a program; nothing is mapped in it yet. */
    static GuestRam memory(String name, GuestProgram work) {
        return switch (name) {
            case "array" -> new ArrayRam((int) DATA + work.bytes());
            case "paged" -> new PagedRam();
            case "fast", "tlb", "kept", "segment" -> FastRam.make();
            case "own-array" -> new OwnTlbOnArray(OwnTlbRam.physicalBytes(work));
            case "own-buffer" -> new OwnTlbOnBuffer(OwnTlbRam.physicalBytes(work));
            case "own-space" -> OwnTlbOnSpace.make(OwnTlbRam.physicalBytes(work));
            default -> throw new IllegalArgumentException("no memory is called " + name);
        };
    }

    /** Loads a program and its data into memory, and returns an interpreter for it. */
    static Interpreter loaded(GuestProgram work, GuestRam ram) {
        ram.map(CODE, CODE_BYTES);
        ram.map(DATA, work.bytes());
        int[] code = work.code();
        for (int i = 0; i < code.length; i++) {
            ram.storeInt(CODE + 4L * i, code[i]);
        }
        work.fill(ram, DATA);
        return new Interpreter(ram);
    }

    /** Loads a program and its data into memory, and returns a translator that accesses the memory in the given way. */
    static TranslatedGuest translated(GuestProgram work, GuestRam ram, String way) {
        AccessWay how = MEMORIES.contains(way) ? AccessWay.CALL : AccessWay.valueOf(way.toUpperCase(Locale.ROOT));
        return new TranslatedGuest(loaded(work, ram), ram, how);
    }

    /** Runs a program once, and checks its result. */
    static void run(GuestEngine engine, GuestProgram work) {
        long result = engine.run(CODE, DATA, work.rounds());
        if (result != work.result()) {
            throw new IllegalStateException(work + " has the result " + result + " instead of " + work.result());
        }
    }

    private static double mips(GuestEngine engine, GuestProgram work, double seconds) {
        best(engine, work, seconds);
        return best(engine, work, seconds);
    }

    private static double best(GuestEngine engine, GuestProgram work, double seconds) {
        double best = 0;
        long began = Alone.CLOCK.getCurrentThreadCpuTime();
        long before = began;
        while (before - began < seconds * NANOS_PER_SECOND) {
            long executed = engine.executed();
            run(engine, work);
            long after = Alone.CLOCK.getCurrentThreadCpuTime();
            best = Math.max(best, (engine.executed() - executed) * 1e3 / (after - before));
            before = after;
        }
        return best;
    }
}
