// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.picture.ScreenPicture;
import dev.samara.tool.replay.PlacementSource;
import dev.samara.tool.replay.ReplaySession;
import dev.samara.tool.replay.ReplayWatch;
import dev.samara.tool.top.BelowView;
import dev.samara.tool.top.JsonRows;
import dev.samara.tool.top.LastFrame;
import dev.samara.tool.top.LiveScreen;
import dev.samara.tool.top.LiveView;
import dev.samara.tool.top.PlainRows;
import dev.samara.tool.top.SampleSource;
import dev.samara.tool.top.ScreenSize;
import dev.samara.tool.top.TopLegend;
import dev.samara.tool.top.ViewOutput;
import dev.samara.tool.top.WorkFigure;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code samara top}. Without a subcommand it replays traces. */
@Command(
        name = "top",
        description = {
            "Shows a machine at work: memory, spaces, faults, flushes, shootdowns and waits, again and again.",
            "With a trace, or a folder of traces, replays it and touches its pages. The command run shows a program."
        },
        footer = {
            "USED/OF: bytes of frames in use, and the memory; USED/MAP: bytes of a space in memory, and mapped. MINOR,"
                    + " MAJOR: faults. MISSES, FLUSH: of TLBs. SHOOT, CPUS: shootdowns that had to wait, and for how"
                    + " many CPUs. GRACE: grace periods. COMMIT: committed bytes. Where the output is no terminal,"
                    + " there is a line for each machine and interval.",
            "",
            "Examples:",
            "  samara top --repeat 5 tool/src/test/resources/traces"
        },
        subcommands = {TopRunCommand.class},
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class TopCommand implements Callable<Integer> {
    private static final int LEAST_INTERVAL = 10;

    /** The size of a picture if there is no terminal. */
    private static final ScreenSize PICTURE = new ScreenSize(100, 50);

    @Option(
            names = "--interval",
            paramLabel = "MS",
            scope = ScopeType.INHERIT,
            description = "Milliseconds between two samples, at least 10. Default: 500.")
    private int interval = 500;

    @Option(
            names = "--no-color",
            scope = ScopeType.INHERIT,
            description = "Show all lines alike, as the environment variable NO_COLOR does, too.")
    private boolean isColourless;

    @Option(
            names = "--json",
            scope = ScopeType.INHERIT,
            description = "Write each sample as a JSON document in a line. Its counts are those since the beginning.")
    private boolean isJson;

    @Option(
            names = "--svg",
            paramLabel = "FILE",
            scope = ScopeType.INHERIT,
            description = "Write a picture of the last view before the end, too.")
    private @Nullable Path picture;

    @Option(
            names = "--repeat",
            paramLabel = "N",
            description = "Replay the traces N times, one after another. Default: 1.")
    private int repeat = 1;

    @Mixin
    private CpuOptions cpus;

    @Parameters(arity = "0..1", paramLabel = "FILE", description = "A .trace.gz file, or a folder with some.")
    private @Nullable Path path;

    @Spec
    private CommandSpec spec;

    TopCommand() {}

    boolean isJson() {
        return isJson;
    }

    /** Returns whether the view is drawn on an output, because it is a terminal and JSON was not requested. */
    boolean drawsOn(int descriptor) {
        return !isJson && TerminalStreams.movesCursor(descriptor);
    }

    /**
     * Executes work, and shows it in a view.
     *
     * @param title what is watched
     * @param where the place where the view is shown
     * @param source the source of samples, which is closed at the end
     * @param work the work, which the calling thread executes
     * @return the result of the work
     */
    <T> T show(String title, ViewPlace where, SampleSource source, Callable<T> work) throws Exception {
        ScreenSize size = where.size() == null ? PICTURE : where.size();
        LastFrame frame = new LastFrame(output(title, where), title, size);
        LiveView view = LiveView.begin(source, frame, Duration.ofMillis(interval));
        T result;
        try {
            result = work.call();
        } finally {
            view.close();
        }
        if (picture != null) {
            PictureFile.write(
                    picture,
                    path,
                    ScreenPicture.of(TopLegend.below(frame.lines())).svg());
        }
        return result;
    }

    /**
     * The place where a view is shown.
     *
     * @param out receives the text of the view
     * @param size the size of the terminal; null if it is not a terminal
     * @param below the lines that a terminal shows below the view, and after its end
     */
    record ViewPlace(PrintWriter out, @Nullable ScreenSize size, BelowView below) {}

    private ViewOutput output(String title, ViewPlace where) {
        if (isJson) {
            return new JsonRows(where.out());
        }
        if (where.size() == null) {
            return new PlainRows(where.out());
        }
        boolean hasColours = !isColourless && TerminalStreams.wantsColours();
        return new LiveScreen(where.out(), title, where.size(), hasColours, where.below());
    }

    /** Returns the place of a view on standard output. */
    ViewPlace standardOutput(CommandSpec command) {
        ScreenSize size = drawsOn(TerminalStreams.OUT) ? TerminalStreams.size() : null;
        return new ViewPlace(command.commandLine().getOut(), size, lines -> List.of());
    }

    /** Rejects an interval that is so short that there would be no time for anything except samples. */
    void checkInterval(CommandSpec command) {
        if (interval < LEAST_INTERVAL) {
            throw new ParameterException(
                    command.commandLine(), "--interval " + interval + " is less than " + LEAST_INTERVAL + " ms");
        }
    }

    @Override
    public Integer call() throws Exception {
        checkInterval(spec);
        if (path == null) {
            throw new ParameterException(spec.commandLine(), "a trace or the command run is missing");
        }
        if (repeat <= 0) {
            throw new ParameterException(spec.commandLine(), "--repeat must be positive");
        }
        return replay(path, cpus.plan(spec), TraceFiles.of(List.of(path)));
    }

    private int replay(Path shown, CpuPlan plan, TraceFiles traces) throws Exception {
        long start = System.nanoTime();
        PrintWriter out = spec.commandLine().getOut();
        // Findings are collected and printed below the view, because otherwise they would be printed into it.
        StringWriter findings = new StringWriter();
        StringWriter complaints = new StringWriter();
        ReportOutput reports =
                isJson ? new JsonOutput(new PrintWriter(findings)) : new PlainOutput(new PrintWriter(findings), true);
        PrintWriter errors = new PrintWriter(complaints);
        CheckRun run = new CheckRun(reports, errors, ProgressLine.none(errors));
        ReplayWatch watch = new ReplayWatch();
        AtomicInteger files = new AtomicInteger();
        Supplier<List<WorkFigure>> work =
                () -> List.of(new WorkFigure("operations", watch.operations()), new WorkFigure("files", files.get()));
        SampleSource source = SampleSource.of(List.of(watch.machine()), work);
        show("replay of " + shown.getFileName(), standardOutput(spec), source, () -> {
            for (int n = 0; n < repeat; n++) {
                ReplaySession session =
                        new ReplaySession(PlacementSource.TRACE, plan, null, new HashSet<>(traces.files()), watch);
                run.check(traces.files(), file -> {
                    files.incrementAndGet();
                    return session.replay(file, traces.family(file));
                });
            }
            return run;
        });
        cpus.explain(run, errors);
        reports.ends(Summary.of(run, start));
        out.print(findings);
        out.flush();
        spec.commandLine().getErr().print(complaints);
        spec.commandLine().getErr().flush();
        return run.status();
    }
}
