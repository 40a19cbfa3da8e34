// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.bench.OperationBenchmark;
import dev.samara.bench.report.UsageException;
import dev.samara.core.AddressSpace;
import dev.samara.maple.MapleTree;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A benchmark of one version, with its states")
final class PreparedRowTest {
    private static Path of(Class<?> type) throws Exception {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    @ParameterizedTest
    @ValueSource(strings = {"OperationBenchmark.find", "OperationBenchmark.brk", "SnapshotBenchmark.take"})
    @DisplayName("runs, and its states check themselves")
    void runs(String row) throws Exception {
        try (VersionLoader loader = loader()) {
            PreparedRow prepared = new PreparedRow(loader, row, Map.of("vmas", "5", "ranges", "30"));
            assertTrue(prepared.nanos(10) > 0);
            prepared.end();
        }
    }

    @Test
    @DisplayName("has classes of its own, of the benchmarks and of the library")
    void ownClasses() throws Exception {
        try (VersionLoader one = loader();
                VersionLoader other = loader()) {
            for (Class<?> type : new Class<?>[] {OperationBenchmark.class, AddressSpace.class}) {
                Class<?> loaded = one.loadClass(type.getName());
                assertEquals(one, loaded.getClassLoader());
                assertEquals(other, other.loadClass(type.getName()).getClassLoader());
                assertEquals(loaded, one.loadClass(type.getName()));
            }
            assertNotNull(one.loadClass("org.openjdk.jmh.infra.Blackhole"));
            assertThrows(ClassNotFoundException.class, () -> one.loadClass("dev.samara.core.NoSuchClass"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"OperationBenchmark.fly", "memory.FaultBenchmark.fault"})
    @DisplayName("is refused if it does not exist, or takes JMH")
    void refused(String row) throws Exception {
        try (VersionLoader loader = loader()) {
            assertThrows(UsageException.class, () -> new PreparedRow(loader, row, Map.of("vmas", "5")));
        }
    }

    /** Returns a loader of this build's classes, in place of jars. */
    private static VersionLoader loader() throws Exception {
        return new VersionLoader(List.of(of(AddressSpace.class), of(MapleTree.class)), of(OperationBenchmark.class));
    }
}
