// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.store.fs.FilePath;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A store of H2 on files of a machine, compared with a sorted map after each of several openings, and a database of H2.
 * The page cache has room for as many pages as the parameter says.
 */
@Tag("suite")
@Timeout(14_400)
@DisplayName("H2 on files of a machine")
final class H2LiveTest {
    private static final int ROUNDS = 5;
    private static final int OPERATIONS = 3_000;
    private static final int KEYS = 5_000;
    private static final int ROWS = 3_000;

    static {
        // Before its classes are loaded: with assertions, MVStore 2.4.240 fails on files of the host, too, when it
        // moves
        // chunks (FreeSpaceBitSet.predictAllocation).
        H2LiveTest.class.getClassLoader().setPackageAssertionStatus("org.h2", false);
    }

    private final ConcurrentLinkedQueue<Object> reports = new ConcurrentLinkedQueue<>();

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 64, 1_024})
    @DisplayName("keeps what was written")
    void keeps(int pages, @TempDir Path folder) throws SQLException {
        FilePath.register(new MachineFilePath());
        for (long seed = 1; seed <= Long.getLong("suite.seeds", 2); seed++) {
            Machine machine = Machine.builder()
                    .memory(64 << 20)
                    .cacheLimit(pages * 4096L)
                    .forceOnClose(false)
                    .reportTo(reports::add)
                    .build();
            MachineFilePath.machine = machine;
            store("machine:" + folder.resolve("store" + seed), new Random(seed));
            database("jdbc:h2:machine:" + folder.resolve("database" + seed));
            machine.close();
            assertEquals(List.of(), List.copyOf(reports));
            System.out.println("H2 with " + pages + " pages, seed " + seed + ": " + ROUNDS * OPERATIONS
                    + " operations of a store and " + ROWS + " rows of a database are right");
        }
    }

    private static void store(String file, Random random) {
        TreeMap<Integer, String> model = new TreeMap<>();
        for (int round = 0; round < ROUNDS; round++) {
            MVStore store = new MVStore.Builder()
                    .fileName(file)
                    .cacheSize(1)
                    .autoCommitDisabled()
                    .compress()
                    .open();
            MVMap<Integer, String> map = store.openMap("map");
            assertEquals(new ArrayList<>(model.entrySet()), new ArrayList<>(map.entrySet()));
            for (int done = 0; done < OPERATIONS; done++) {
                int key = random.nextInt(KEYS);
                if (random.nextInt(3) == 0) {
                    assertEquals(model.remove(key), map.remove(key));
                } else {
                    String value = random.nextLong() + "x".repeat(random.nextInt(60));
                    assertEquals(model.put(key, value), map.put(key, value));
                }
                if (random.nextInt(300) == 0) {
                    store.commit();
                }
                if (random.nextInt(1_000) == 0) {
                    store.compactFile(20);
                }
            }
            store.commit();
            if (random.nextBoolean()) {
                store.closeImmediately();
            } else {
                store.close();
            }
        }
        assertTrue(model.size() > 0);
    }

    private static void database(String url) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("create table t(id int primary key, name varchar(200))");
            statement.execute("create index i on t(name)");
            try (PreparedStatement insert = connection.prepareStatement("insert into t values(?,?)")) {
                for (int row = 0; row < ROWS; row++) {
                    insert.setInt(1, row);
                    insert.setString(2, "n" + row * 7919 % ROWS + "y".repeat(100));
                    insert.execute();
                }
            }
            statement.execute("delete from t where id % 3 = 0");
            statement.execute("checkpoint sync");
        }
        long sum = 0;
        for (int row = 0; row < ROWS; row++) {
            sum += row % 3 == 0 ? 0 : row;
        }
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("select count(*), sum(id) from t")) {
            assertTrue(result.next());
            assertEquals(ROWS / 3 * 2, result.getInt(1));
            assertEquals(sum, result.getLong(2));
        }
    }
}
