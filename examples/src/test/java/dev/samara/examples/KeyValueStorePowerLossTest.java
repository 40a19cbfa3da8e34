// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A key-value store on a device whose power fails at a random call")
final class KeyValueStorePowerLossTest {
    private static final int LOSSES = Boolean.getBoolean("samara.torture") ? 1_000 : 50;

    /** More calls than the creation of a store and the first two checkpoints need. */
    private static final int CALLS = 60;

    private final NavigableMap<Long, byte[]> model = new TreeMap<>();
    private final Random random = new Random(Long.getLong("samara.seed", 5));
    private long batches;

    @Test
    @DisplayName(
            "has the batches whose checkpoint returned, and at most the next one, whichever unforced writes are lost")
    void lose() throws IOException {
        byte[] device = {};
        int within = 0;
        for (int loss = 0; loss < LOSSES; loss++) {
            UnforcedChannel channel = new UnforcedChannel(device, 1 + random.nextInt(1 << random.nextInt(12)));
            long done = changed(channel, batches);
            device = channel.afterLoss(random);
            long recovered = recovered(new UnforcedChannel(device, Integer.MAX_VALUE), done);
            within += recovered > done ? 1 : 0;
        }
        assertTrue(batches > LOSSES / 4, () -> "batches: " + batches);
        System.out.println(LOSSES + " losses, " + batches + " batches, " + within
                + " of which were durable before their checkpoint returned");
    }

    @Test
    @DisplayName("has the batches whose checkpoint returned, whichever of the first calls is the last one")
    void loseEach() throws IOException {
        for (int calls = 1; calls <= CALLS; calls++) {
            model.clear();
            batches = 0;
            UnforcedChannel channel = new UnforcedChannel(new byte[0], calls);
            long done = changed(channel, 0);
            recovered(new UnforcedChannel(channel.afterLoss(random), Integer.MAX_VALUE), done);
        }
        assertTrue(batches > 1, () -> "batches: " + batches);
    }

    /** Changes a store until its power fails. Returns the last batch that completed a checkpoint. */
    private static long changed(UnforcedChannel channel, long before) throws IOException {
        Machine machine = newMachine();
        long done = before;
        try (KeyValueStore store = open(machine, channel)) {
            while (true) {
                StoreFixture.batch(done + 1, (key, value) -> StoreFixture.put(store, key, value));
                store.checkpoint();
                done++;
            }
        } catch (IOException | RuntimeException failed) {
            // Pages that could not be written are lost, so without power any failure is possible.
            if (!channel.hasFailed()) {
                throw failed;
            }
            return done;
        } finally {
            machine.close();
        }
    }

    private long recovered(FileChannel channel, long done) throws IOException {
        Machine machine = newMachine();
        try (KeyValueStore store = open(machine, channel)) {
            long recovered = StoreFixture.batchOf(store);
            assertTrue(recovered == done || recovered == done + 1, () -> "batch " + recovered + " after " + done);
            while (batches < recovered) {
                StoreFixture.batch(++batches, (key, value) -> StoreFixture.put(model, key, value));
            }
            StoreFixture.assertContents(model, store);
            return recovered;
        } finally {
            machine.close();
        }
    }

    /** Returns a machine that drops what it cannot write, like a computer without power. */
    private static Machine newMachine() {
        return Machine.builder()
                .memory(1 << 22)
                .cacheLimit(64 << 12)
                .dropFailedWrites(true)
                .reportTo(report -> {})
                .build();
    }

    private static KeyValueStore open(Machine machine, FileChannel channel) throws IOException {
        return new KeyValueStore(machine, machine.openFile("store", Geometry.LINUX_X86_64, channel, true));
    }
}
