// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** Reads the library's events from a recording of the flight recorder. */
final class EventFile {
    private EventFile() {}

    /**
     * The events of the library in a recording. At least one of the lists is not empty.
     *
     * @param moments the events of single occurrences, in the order of the file
     * @param levels the sizes of the spaces, in chronological order
     */
    record RecordedContent(List<Moment> moments, List<Level> levels) {}

    /**
     * Reads a recording.
     *
     * @param file the recording
     * @return its content
     * @throws InputException if the file is not a recording, is damaged, or contains no event of the library
     */
    static RecordedContent read(Path file) throws InputException {
        if (!Files.exists(file)) {
            throw new InputException(file, "there is no such file", null);
        }
        if (Files.isDirectory(file)) {
            throw new InputException(file, "is a folder, not a recording of the flight recorder", null);
        }
        List<Moment> moments = new ArrayList<>();
        Level.LevelSum levels = new Level.LevelSum();
        try (RecordingFile recording = new RecordingFile(file)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                levels.add(event);
                Moment moment = Moment.of(event);
                if (moment != null) {
                    moments.add(moment);
                }
            }
        } catch (IOException | RuntimeException e) {
            // The JDK's parser does not validate a damaged file, and so fails in many ways.
            throw new InputException(file, "is no recording of the flight recorder, or is damaged: " + reason(e), e);
        }
        RecordedContent content = new RecordedContent(moments, levels.levels());
        if (moments.isEmpty() && content.levels().isEmpty()) {
            throw new InputException(
                    file, "has no event of this library; record with META-INF/jfr/samara.jfc of its archive", null);
        }
        return content;
    }

    private static String reason(Exception failure) {
        String message = failure.getMessage();
        return (message == null ? failure.getClass().getSimpleName() : message)
                .lines()
                .findFirst()
                .orElse("");
    }
}
