// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests standard output that the host rejects. */
@DisplayName("A write to a stream of the host")
final class HostStreamTest {
    private int signals;

    private final FileThread thread = new FileThread() {
        @Override
        public boolean keepsPrivileges() {
            return false;
        }

        @Override
        public void sendPipeSignal() {
            signals++;
        }

        @Override
        public long checkTerminalRead() {
            return 0;
        }

        @Override
        public boolean isInterrupted() {
            return false;
        }

        @Override
        public void wake() {}
    };

    private long write(String error) {
        OutputStream failing = new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                throw new IOException(error);
            }
        };
        return new HostStream("pipe:[0]", failing, false).write(thread, ByteBuffer.wrap(new byte[1]));
    }

    @Test
    @DisplayName("that nobody reads is EPIPE and SIGPIPE; other errors are their errno without a signal")
    void errors() {
        assertEquals(LinuxErrno.EPIPE, write("Broken pipe"));
        assertEquals(1, signals);
        assertEquals(LinuxErrno.ENOSPC, write("No space left on device"));
        assertEquals(LinuxErrno.EIO, write("Input/output error"));
        assertEquals(1, signals);
    }
}
