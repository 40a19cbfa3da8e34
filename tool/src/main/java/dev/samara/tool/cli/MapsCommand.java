// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.samara.tool.picture.LayoutPicture;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.PrintableText;
import dev.samara.tool.replay.ReplaySession;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code samara maps}. */
@Command(
        name = "maps",
        description = "Replays a trace and prints its mappings in the format of /proc/PID/maps, or draws them. Takes"
                + " the /proc/PID/maps of a process, too.",
        footerHeading = "Examples:%n",
        footer = {
            "  samara maps tool/src/test/resources/traces/git/003-rm.trace.gz",
            "  samara maps /proc/self/maps --svg maps.svg"
        },
        exitCodeList = {"0:success", "2:the command line or a file is wrong"},
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class MapsCommand implements Callable<Integer> {
    @Option(
            names = "--at",
            paramLabel = "SEQ",
            description = "Stop before the operation or event with this number. Default: the end.")
    private long at = Long.MAX_VALUE;

    @Option(names = "--svg", paramLabel = "FILE", description = "Write a picture of the mappings instead of the text.")
    private @Nullable Path picture;

    @Mixin
    private OutputOptions output;

    @Parameters(paramLabel = "TRACE", description = "A .trace.gz file, or a text as /proc/PID/maps.")
    private Path file;

    @Spec
    private CommandSpec spec;

    MapsCommand() {}

    @Override
    public Integer call() throws InputException {
        if (Files.isDirectory(file)) {
            throw new ParameterException(spec.commandLine(), file + " is a folder, not a trace");
        }
        if (picture != null && output.isJson()) {
            throw new ParameterException(spec.commandLine(), "--svg and --json exclude each other");
        }
        boolean isText = MapsText.isText(file);
        if (isText && at != Long.MAX_VALUE) {
            throw new ParameterException(spec.commandLine(), "--at needs a trace");
        }
        List<String> maps = isText ? MapsText.read(file) : replayed();
        PrintWriter out = spec.commandLine().getOut();
        if (picture != null) {
            LayoutPicture drawn = LayoutPicture.of(isText ? file.toString() : title(), maps);
            PictureFile.write(picture, file, drawn.svg());
            out.println(picture + ": " + drawn.summary());
        } else if (output.isJson()) {
            JsonArray lines = new JsonArray();
            maps.forEach(lines::add);
            JsonObject document = new JsonObject();
            document.addProperty("file", file.toString());
            document.add("maps", lines);
            out.println(document);
        } else {
            maps.forEach(line -> out.println(PrintableText.of(line)));
        }
        out.flush();
        return CheckStatus.EQUAL;
    }

    private List<String> replayed() throws InputException {
        TraceFiles traces = TraceFiles.of(List.of(file));
        return ReplaySession.layoutAt(file, traces.family(file), at).maps();
    }

    private String title() {
        String end = at == Long.MAX_VALUE ? "the end" : String.valueOf(at);
        return file.getFileName() + " at " + end;
    }
}
