// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.live.file.HostFaultMutants.HostFaultMutant;
import dev.samara.interleave.instrument.PlantedClassLoader;
import dev.samara.testing.Explored;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link HostFaultsTest} checks that the unchanged library has no violation. */
@DisplayName("Scripts with faults of the host find")
@Tag("interleave")
@Tag("planted")
@Explored(8)
final class HostFaultMutantsTest {
    /** The maximum number of scripts, rather than a time, so that a slow machine searches as far as a fast one. */
    private static final int MOST = 500;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    static Stream<String> names() {
        return HostFaultMutants.ALL.stream().map(HostFaultMutant::name);
    }

    @ParameterizedTest
    @MethodSource("names")
    void found(String name) throws Exception {
        HostFaultMutant planted = HostFaultMutants.ALL.stream()
                .filter(known -> known.name().equals(name))
                .findAny()
                .orElseThrow();
        Callable<?> search = (Callable<?>) new PlantedClassLoader(List.of(planted.planting()))
                .loadClass(FaultSearch.class.getName())
                .getConstructor(Path.class, Long.class, Integer.class)
                .newInstance(folder, 1L, MOST);
        long begin = System.nanoTime();
        Object found = search.call();
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(name + ": " + (System.nanoTime() - begin) / 1_000_000 + " ms\n" + found);
        }
        assertNotNull(found, name);
    }
}
