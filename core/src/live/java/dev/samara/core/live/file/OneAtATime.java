// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.internal.hostfile.HostChannel;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A channel that serializes its calls, some of which come from the machine's threads. */
record OneAtATime(HostChannel channel) implements HostChannel {
    @Override
    public int read(ByteBuffer target, long offset) throws IOException {
        synchronized (channel) {
            return channel.read(target, offset);
        }
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        synchronized (channel) {
            return channel.write(source, offset);
        }
    }

    @Override
    public void force() throws IOException {
        synchronized (channel) {
            channel.force();
        }
    }

    @Override
    public long size() throws IOException {
        synchronized (channel) {
            return channel.size();
        }
    }

    @Override
    public boolean isCachedByHost() {
        return channel.isCachedByHost();
    }

    @Override
    public void truncate(long bytes) throws IOException {
        synchronized (channel) {
            channel.truncate(bytes);
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (channel) {
            channel.close();
        }
    }
}
