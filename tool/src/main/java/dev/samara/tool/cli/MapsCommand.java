// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.samara.tool.picture.LayoutPicture;
import dev.samara.tool.record.InputException;
import dev.samara.tool.record.PrintableText;
import dev.samara.tool.replay.ReplaySession;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
    private static final int GZIP = 0x1f;
    /** The maximum size of a file is the maximum heap size divided by this number. */
    private static final int TIMES = 16;
    /** The format of a line. The kernel escapes only line feeds, so a name may contain any other line terminator. */
    private static final Pattern LINE = Pattern.compile(
            "([0-9a-f]{1,16})-([0-9a-f]{1,16}) [r-][w-][x-][ps] [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+(?: +.*)?",
            Pattern.DOTALL);

    private static final int HEX = 16;

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
        boolean isText = isText(file);
        if (isText && at != Long.MAX_VALUE) {
            throw new ParameterException(spec.commandLine(), "--at needs a trace");
        }
        List<String> maps = isText ? read(file) : replayed();
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

    /** Returns whether a file is a text and not a compressed trace. A file that cannot be read counts as a trace. */
    private static boolean isText(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.read() != GZIP;
        } catch (IOException unreadable) {
            return false;
        }
    }

    /**
     * Reads the lines of a file.
     *
     * @throws InputException if the file cannot be read, if a line does not have the format of {@code /proc/PID/maps},
     *     or if a range is empty or starts below the end of the previous one
     */
    private static List<String> read(Path file) throws InputException {
        String text = text(file);
        List<String> lines = text.isEmpty() ? List.of() : List.of(text.split("\n", 0));
        long end = 0;
        for (int i = 0; i < lines.size(); i++) {
            Matcher line = LINE.matcher(lines.get(i));
            if (!line.matches()) {
                throw new InputException(
                        file, i + 1, "is neither of a trace nor a line as /proc/PID/maps has them", null);
            }
            long start = Long.parseUnsignedLong(line.group(1), HEX);
            if (Long.compareUnsigned(start, end) < 0) {
                throw new InputException(file, i + 1, "begins below the end of the range before it", null);
            }
            end = Long.parseUnsignedLong(line.group(2), HEX);
            if (Long.compareUnsigned(start, end) >= 0) {
                throw new InputException(file, i + 1, "its range does not end above its start", null);
            }
        }
        return lines;
    }

    private static String text(Path file) throws InputException {
        int most =
                (int) Math.min(Integer.MAX_VALUE - TIMES, Runtime.getRuntime().maxMemory() / TIMES);
        try (InputStream in = Files.newInputStream(file)) {
            // The size of the file is not used, because it is 0 for a file in /proc, and for an endless device.
            byte[] bytes = in.readNBytes(most);
            if (bytes.length == most) {
                throw new InputException(file, "is too large for the heap: give it a larger one (-Xmx)", null);
            }
            // Names consist of bytes, which need not be UTF-8.
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new InputException(file, "cannot be read: " + e.getMessage(), e);
        }
    }
}
