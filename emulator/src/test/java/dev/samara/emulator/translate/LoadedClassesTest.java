// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.translate.BackgroundTranslator.LoadedClasses;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Translated code that the JVM cannot unload")
@Timeout(60)
final class LoadedClassesTest {
    private static final class NoCode extends TranslatedCode {
        @Override
        public long run(Hart hart) {
            throw new IllegalStateException("nobody runs this code");
        }
    }

    @Test
    @DisplayName("is counted until it is collected")
    void counts() {
        LoadedClasses live = new LoadedClasses();
        List<TranslatedCode> used = new ArrayList<>();
        while (!live.isFull()) {
            TranslatedCode code = new NoCode();
            used.add(code);
            live.add(code);
        }
        assertEquals(LoadedClasses.MOST, used.size());
        System.gc();
        assertTrue(live.isFull(), "all of it is in use");
        used.clear();
        while (live.isFull()) {
            System.gc();
        }
        assertFalse(live.isFull());
    }
}
