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
     * What a recording has of the library, at least one of either.
     *
     * @param moments the events that happen, in the order of the file
     * @param levels the sizes of the spaces, in the order of time
     */
    record RecordedContent(List<Moment> moments, List<Level> levels) {}

    /**
     * Reads a recording.
     *
     * @param file the recording
     * @return its content
     * @throws InputException if it is no recording, is damaged, or has no such event
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
            // The JDK's parser believes what a damaged file says, and then fails in many ways.
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
