// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.samara.tool.Recordings;
import dev.samara.tool.picture.ScreenPicture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks the picture in the documentation. */
final class TopPictureTest {
    /** Two samples of {@code top run forks --json}, about a second apart. */
    private static final Path SAMPLES = Recordings.bundled("top/run.jsonl");

    private static final Path PICTURE = Path.of(System.getProperty("basedir", ""), "..", "docs", "pictures", "top.svg");

    /** Whether to regenerate the picture. */
    private static final boolean WRITES = Boolean.getBoolean("samara.pictures");

    private static EventTotals events(JsonObject json) {
        JsonElement periods = json.get("gracePeriods");
        return new EventTotals(
                json.get("minorFaults").getAsLong(),
                json.get("majorFaults").getAsLong(),
                json.get("tlbMisses").getAsLong(),
                json.get("flushes").getAsLong(),
                json.get("shootdowns").getAsLong(),
                json.get("shootdownTargets").getAsLong(),
                periods == null ? 0 : periods.getAsLong());
    }

    private static SpaceFigures space(JsonObject json) {
        return new SpaceFigures(
                json.get("name").getAsString(),
                json.get("vmas").getAsLong(),
                json.get("mappedBytes").getAsLong(),
                json.get("residentBytes").getAsLong(),
                json.get("pageTableBytes").getAsLong(),
                events(json));
    }

    private static MachineFigures machine(JsonObject json) {
        List<SpaceFigures> spaces = new ArrayList<>();
        json.getAsJsonArray("spaces").forEach(space -> spaces.add(space(space.getAsJsonObject())));
        return new MachineFigures(
                json.get("name").getAsString(),
                json.get("usedBytes").getAsLong(),
                json.get("memoryBytes").getAsLong(),
                json.get("pageTableBytes").getAsLong(),
                json.get("committedBytes").getAsLong(),
                json.get("spaceCount").getAsInt(),
                events(json),
                spaces);
    }

    private static TopSample sample(String line) {
        JsonObject json = JsonParser.parseString(line).getAsJsonObject();
        List<WorkFigure> work = new ArrayList<>();
        json.getAsJsonObject("work")
                .entrySet()
                .forEach(each ->
                        work.add(new WorkFigure(each.getKey(), each.getValue().getAsLong())));
        List<MachineFigures> machines = new ArrayList<>();
        JsonArray written = json.getAsJsonArray("machines");
        written.forEach(machine -> machines.add(machine(machine.getAsJsonObject())));
        JsonObject waits = json.getAsJsonObject("waits");
        return new TopSample(
                (long) (json.get("seconds").getAsDouble() * MadeUpSamples.SECOND),
                work,
                machines,
                new WaitFigures(
                        waits.get("operations").getAsLong(),
                        waits.get("locks").getAsLong(),
                        waits.get("nanoseconds").getAsLong()));
    }

    @Test
    @DisplayName("docs/pictures/top.svg is what the view draws of two samples of a run")
    void picture() throws IOException {
        List<String> lines = Files.readAllLines(SAMPLES);
        TopSample first = new TopSample(0, List.of(), List.of(), null);
        TopTable table = new TopTable("forks", 100, 40);
        String drawn = ScreenPicture.of(TopLegend.below(table.lines(first, sample(lines.get(0)), sample(lines.get(1)))))
                .svg();
        if (WRITES) {
            Files.writeString(PICTURE, drawn);
        }
        assertEquals(Files.readString(PICTURE), drawn, "-Dsamara.pictures=true makes the picture anew");
    }
}
