// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.Machine;
import java.io.IOException;
import java.nio.file.Path;

/** Changes a store batch by batch, each with a checkpoint that it reports, until its JVM is killed. */
final class KilledStore {
    private KilledStore() {}

    public static void main(String[] arguments) throws IOException {
        Machine machine = StoreFixture.newMachine();
        KeyValueStore store = StoreFixture.open(machine, Path.of(arguments[0]));
        for (long number = StoreFixture.batchOf(store) + 1; ; number++) {
            StoreFixture.batch(number, (key, value) -> StoreFixture.put(store, key, value));
            store.checkpoint();
            System.out.println(number);
        }
    }
}
