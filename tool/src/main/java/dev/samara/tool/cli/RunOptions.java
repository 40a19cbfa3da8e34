// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.gdb.GdbServer;
import dev.samara.emulator.linux.Emulation;
import dev.samara.emulator.linux.RunPlan;
import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.BindException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** The options and the program of a run. Also runs the program. */
final class RunOptions {
    /** The exit code if the program could not be run. {@code env} and {@code timeout} use the same code. */
    static final int NOT_RUN = 125;

    /** Help texts about the exit codes. */
    static final String GUEST_STATUS = "N:the guest's exit status, or 128 and the number of the signal that ended it";

    static final String WHY_NOT_RUN = "the command line or a file is wrong";

    private static final int DEFAULT_TLB = 4096;
    private static final int MOST_TLB = 1 << 20;
    private static final int LAST_PORT = 65_535;
    private static final long LEAST_MEMORY = 1L << 20;

    @Option(names = "--stats", description = "Print at the end what the guest and its memory did.")
    private boolean showsStatistics;

    @Option(names = "--strace", description = "Print each system call.")
    private boolean traces;

    @Option(names = "--maps", description = "Print the mappings of each process at its end.")
    private boolean showsMaps;

    @Option(names = "--checked", description = "Let the machine check each access, which is many times slower.")
    private boolean checked;

    @Option(names = "--interpret", description = "Translate no code of the guest.")
    private boolean interprets;

    @Option(names = "--translate-at-once", hidden = true, description = "Translate what runs twice: a test.")
    private boolean translatesAtOnce;

    @Option(
            names = "--cpus",
            paramLabel = "N",
            description = "The number of processors that the guest is told of. Default: the host's.")
    private int cpus = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--limit-memory",
            paramLabel = "M",
            defaultValue = "1g",
            description = "Bytes for all pages of the guest, with k, m or g. Default: 1g.")
    private String memory;

    @Option(names = "--tlb", paramLabel = "N", hidden = true, description = "Entries of the TLB of a CPU.")
    private int tlbEntries = DEFAULT_TLB;

    @Option(
            names = "--sysroot",
            paramLabel = "DIR",
            description = "The folder that the guest has as its root, with its interpreter and libraries. It may read"
                    + " and write there. Without this option it sees no files but its program.")
    private @Nullable Path sysroot;

    @Option(
            names = "--root-user",
            description = "Tell the guest that it is user 0, for programs that ask. It may become other users and send"
                    + " signals to them. Its rights to files stay those of who runs the emulator.")
    private boolean asRoot;

    @Option(
            names = "--gdb",
            paramLabel = "PORT",
            description = "Wait at the first instruction for gdb, which connects to this port of the loopback address;"
                    + " 0 takes a free port.")
    private @Nullable Integer gdbPort;

    @Option(names = "--env", paramLabel = "K=V", description = "A variable of the guest's environment.")
    private List<String> environment = new ArrayList<>();

    @Parameters(index = "0", paramLabel = "ELF", description = "The program.")
    private Path program;

    @Parameters(index = "1..*", paramLabel = "ARGS", description = "The arguments of the program.")
    private List<String> arguments = new ArrayList<>();

    RunOptions() {}

    /** Runs an emulation that was prepared. */
    @FunctionalInterface
    interface Runner {
        /** Returns the exit status. */
        int run(Emulation emulation) throws Exception;
    }

    /** Returns the program. */
    Path program() {
        return program;
    }

    /** Returns the size of the guest's memory in bytes. */
    long memory(CommandSpec spec) {
        String text = memory.toLowerCase(Locale.ROOT);
        int shift = text.endsWith("k") ? 10 : text.endsWith("m") ? 20 : text.endsWith("g") ? 30 : 0;
        try {
            long number = Long.parseLong(shift == 0 ? text : text.substring(0, text.length() - 1));
            long found = Math.multiplyExact(number, 1L << shift);
            if (found >= LEAST_MEMORY) {
                return found;
            }
        } catch (NumberFormatException | ArithmeticException e) {
            // Reported below, like a number that is too small.
        }
        throw new ParameterException(
                spec.commandLine(), "--limit-memory " + memory + " is no number of bytes from 1m on");
    }

    /**
     * Runs the program.
     *
     * @param spec the command; if the program cannot be run, the reason is printed on its standard error
     * @param streams the streams of the guest and of the emulator
     * @param runner runs the emulation
     * @return the exit status
     */
    int run(CommandSpec spec, RunStreams streams, Runner runner) throws Exception {
        PrintWriter errors = spec.commandLine().getErr();
        try {
            if (!Files.isRegularFile(program)) {
                return refused(errors, Files.exists(program) ? "is no regular file" : "does not exist");
            }
            if (sysroot != null && !Files.isDirectory(sysroot)) {
                throw new ParameterException(spec.commandLine(), "--sysroot " + sysroot + " is no folder");
            }
            checkTlb(spec);
            RunPlan plan = plan(memory(spec), streams);
            if (gdbPort == null) {
                return run(new Emulation(plan), runner, errors);
            }
            return runDebugged(spec, plan, gdbPort, runner);
        } catch (ElfException e) {
            errors.println(e.getMessage());
            errors.flush();
            return NOT_RUN;
        }
    }

    private void checkTlb(CommandSpec spec) {
        if (tlbEntries < 2 || tlbEntries > MOST_TLB || Integer.bitCount(tlbEntries) != 1) {
            throw new ParameterException(
                    spec.commandLine(), "--tlb " + tlbEntries + " is no power of two from 2 to " + MOST_TLB);
        }
    }

    private RunPlan plan(long bytes, RunStreams streams) {
        return new RunPlan(
                program,
                arguments,
                environment,
                sysroot,
                asRoot,
                bytes,
                Math.max(cpus, 1),
                tlbEntries,
                interprets
                        ? ExecutionMode.INTERPRETED
                        : translatesAtOnce ? ExecutionMode.TRANSLATED_AT_ONCE : ExecutionMode.TRANSLATED,
                checked,
                traces,
                showsMaps,
                streams.in(),
                streams.out(),
                streams.errors(),
                streams.reports(),
                streams.terminals());
    }

    private int run(Emulation emulation, Runner runner, PrintWriter errors) throws Exception {
        int status = new StoppedAtExit(emulation).run(runner);
        if (showsStatistics) {
            emulation.statistics().forEach(errors::println);
            errors.flush();
        }
        return status;
    }

    private int runDebugged(CommandSpec spec, RunPlan plan, int port, Runner runner) throws Exception {
        if (port < 0 || port > LAST_PORT) {
            throw new ParameterException(spec.commandLine(), "--gdb " + port + " is no port from 0 to " + LAST_PORT);
        }
        try (GdbServer server = listen(spec, port)) {
            plan.reports().println("samara: waits for gdb: target remote localhost:" + server.port());
            plan.reports().flush();
            return run(
                    new Emulation(plan, server.debugger()),
                    runner,
                    spec.commandLine().getErr());
        }
    }

    private static GdbServer listen(CommandSpec spec, int port) throws IOException {
        try {
            return GdbServer.listen(port);
        } catch (BindException refused) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--gdb " + port + ": nobody can listen there: " + refused.getMessage(),
                    refused);
        }
    }

    private int refused(PrintWriter errors, String why) {
        errors.println(program + ": " + why);
        errors.flush();
        return NOT_RUN;
    }

    /**
     * A run that ends properly when the tool is terminated, e.g. by SIGTERM or Ctrl-C: the guest is ended, and its
     * files are written back.
     */
    static final class StoppedAtExit {
        /**
         * How long the tool waits for the end of the guest. The wait is limited because a thread of the guest may wait
         * for the host forever.
         */
        private static final long SECONDS = 10;

        private final Emulation emulation;
        private final CountDownLatch hasEnded = new CountDownLatch(1);

        StoppedAtExit(Emulation emulation) {
            this.emulation = emulation;
        }

        int run(RunOptions.Runner runner) throws Exception {
            Thread hook = new Thread(this::stop, "end of the guest");
            Runtime.getRuntime().addShutdownHook(hook);
            try {
                return runner.run(emulation);
            } finally {
                hasEnded.countDown();
                forget(hook);
            }
        }

        private void stop() {
            emulation.stop();
            try {
                if (!hasEnded.await(SECONDS, TimeUnit.SECONDS)) {
                    emulation.complain("the guest does not end: what it has written last may not be in its files");
                }
            } catch (InterruptedException unexpected) {
                // The tool exits, so files may lack the guest's last writes.
                Thread.currentThread().interrupt();
            }
        }

        private static void forget(Thread hook) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException ending) {
                // The hook is already running, and ends now.
            }
        }
    }
}
