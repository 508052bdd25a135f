"""An application that knows of no mesh: asks once, prints what it got. Runs alone, inside a namespace."""

import http.client
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request


def status(url: str) -> str:
    """Return the status of an answer, or why there is none."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (OSError, http.client.HTTPException) as error:
        return str(error)


def body(url: str, host: str = "") -> str:
    """Return the body of an answer to a request that may name another host than it connects to."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def tcp(host: str, port: str, text: str = "") -> str:
    """Say something (or nothing), shut down, return all that comes back."""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        if text:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(4096):
            found += part
        return found.decode()


def bulk(host: str, port: str, size: str) -> str:
    """Send so many bytes while nobody reads them back yet; return how many of them came back unchanged."""
    data = bytes(range(256)) * (int(size) // 256)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        sending = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sending.start()
        found = bytearray()
        while part := connection.recv(1 << 16):
            found += part
        sending.join()
    return str(len(data)) if data in found else f"{len(found)} bytes, not the same"


def secure(host: str, port: str) -> str:
    """Return what a server says over a TLS that is not the mesh's."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection((host, int(port)), timeout=30)
    with context.wrap_socket(plain, server_hostname="own.example") as connection:
        return connection.recv(4096).decode()


def unary(address: str, text: str) -> str:
    """Make one gRPC call."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        return channel.unary_unary("/test.Echo/Say")(text.encode(), timeout=30).decode()


def bidirectional(address: str, count: str) -> str:
    """Make one streaming gRPC call; return how many messages came back."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        messages = (b"%d" % number for number in range(int(count)))
        return str(len(list(channel.stream_stream("/test.Echo/Chat")(messages, timeout=30))))


if __name__ == "__main__":
    verbs = {
        "status": status,
        "http": body,
        "tcp": tcp,
        "bulk": bulk,
        "tls": secure,
        "grpc": unary,
        "chat": bidirectional,
    }
    print(verbs[sys.argv[1]](*sys.argv[2:]))
